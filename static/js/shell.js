// The terminal of a shell on a debug image: keys go to the server, what comes back is drawn and then acknowledged, so
// that a shell which prints without end is no faster than the eyes. A broken connection is resumed where it broke.

import { FitAddon } from "../vendor/xterm-fit/addon-fit.mjs";
import { Terminal } from "../vendor/xterm/xterm.mjs";
import { sayDuration } from "./clock.js";

const RETRY_MS = [500, 1_000, 2_000, 5_000];
const ACK_MS = 40;
const PIECE = 4_096; // characters typed or pasted in one message
const WARN_S = 120;
const ENDED = 1000;
const REFUSED = [4403, 4404];
const THEME = { background: "#11141a", foreground: "#e2e4e8", cursor: "#e2e4e8", selectionBackground: "#3a4a68" };

// The page's policy takes style elements with its nonce alone, and the terminal makes its own without one.
function markStyles(nonce) {
  const make = document.createElement.bind(document);
  document.createElement = (name, options) => {
    const element = make(name, options);
    if (String(name).toLowerCase() === "style") element.nonce = nonce;
    return element;
  };
}

class Shell {
  constructor(root) {
    this.root = root;
    this.cursor = "";
    this.drawn = "";
    this.failures = 0;
    this.isOver = false;
    this.until = null;
    markStyles(root.dataset.styleNonce);
    this.terminal = new Terminal({
      cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      fontFamily: getComputedStyle(root.querySelector(".shell-image")).fontFamily,
      fontSize: 13,
      screenReaderMode: true,
      scrollback: 5_000,
      theme: THEME,
    });
    this.fit = new FitAddon();
    this.terminal.loadAddon(this.fit);
    this.terminal.open(root.querySelector("[data-shell-screen]"));
    this.terminal.attachCustomKeyEventHandler((event) => this.leave(event));
    this.terminal.onData((text) => this.type(text));
    this.terminal.onResize(() => this.tellSize());
    new ResizeObserver(() => this.fit.fit()).observe(root.querySelector("[data-shell-screen]"));
    document.addEventListener("click", (event) => this.press(event));
    this.fit.fit();
    setInterval(() => this.tick(), 1_000);
    this.connect();
  }

  connect() {
    const url = new URL(this.root.dataset.socket, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    if (this.cursor) url.searchParams.set("cursor", this.cursor);
    this.socket = new WebSocket(url);
    this.socket.addEventListener("message", (event) => this.take(JSON.parse(event.data)));
    this.socket.addEventListener("close", (event) => this.closed(event.code));
  }

  closed(code) {
    if (this.isOver) return;
    if (code === ENDED) this.end("It was closed.");
    else if (REFUSED.includes(code)) this.end("You may not open shells here any more.");
    else {
      this.say("Connection lost; trying again…");
      setTimeout(() => this.connect(), RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)]);
    }
  }

  take({ type, cursor, data }) {
    this.failures = 0;
    if (cursor) this.cursor = cursor;
    if (type === "wait") this.say(data);
    else if (type === "state") this.opened(data);
    else if (type === "end") this.end(data);
    else if (type === "data") {
      const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
      this.terminal.write(bytes, () => this.draw(cursor));
    }
  }

  draw(cursor) {
    this.drawn = cursor;
    this.acking ??= setTimeout(() => {
      this.acking = null;
      this.send({ type: "ack", cursor: this.drawn });
    }, ACK_MS);
  }

  opened(until) {
    const isNew = this.until === null;
    this.until = Date.parse(until);
    this.say("Open");
    this.tellSize();
    this.tick();
    if (isNew) this.terminal.focus();
  }

  end(reason) {
    this.isOver = true;
    this.say(`Closed: ${reason}`);
    this.terminal.options.disableStdin = true;
    this.terminal.write(`\r\n\x1b[2m[${reason}]\x1b[0m\r\n`);
    this.root.querySelector("[data-shell-time]").hidden = true;
    this.root.dataset.over = "";
    this.socket.close();
  }

  type(text) {
    for (let at = 0; at < text.length; at += PIECE) this.send({ type: "data", data: text.slice(at, at + PIECE) });
  }

  tellSize() {
    this.send({ type: "resize", columns: this.terminal.cols, rows: this.terminal.rows });
  }

  send(message) {
    if (!this.isOver && this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  // F6 goes on with the page: Tab belongs to the shell.
  leave(event) {
    if (event.key !== "F6" || event.type !== "keydown") return true;
    event.preventDefault();
    const screen = this.root.querySelector("[data-shell-screen]");
    const stops = [...document.querySelectorAll("a[href], button, summary, [tabindex='0']")];
    const behind = (one) => screen.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING;
    stops.find((one) => behind(one) && !screen.contains(one) && one.checkVisibility())?.focus();
    return false;
  }

  press(event) {
    const key = event.target.closest("[data-shell-key]");
    const paste = event.target.closest("[data-shell-paste]");
    if (key) this.type(key.dataset.shellKey);
    if (paste) this.terminal.paste(paste.dataset.shellPaste);
    if (key || paste) this.terminal.focus();
  }

  tick() {
    if (this.until === null || this.isOver) return;
    const left = Math.max(0, (this.until - Date.now()) / 1000);
    const time = this.root.querySelector("[data-shell-time]");
    time.hidden = false;
    this.root.querySelector("[data-shell-left]").textContent = `${sayDuration(left)} left`;
    if (left <= WARN_S && !time.classList.contains("is-short")) {
      time.classList.add("is-short");
      this.say("Two minutes left: the shell closes by itself then.");
    }
  }

  say(text) {
    const element = this.root.querySelector("[data-shell-says]");
    if (element.textContent !== text) element.textContent = text;
  }
}

const root = document.querySelector("[data-shell]");
if (root) new Shell(root);
