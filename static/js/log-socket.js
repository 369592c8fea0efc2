// The live connection of one build: hands messages on, connects again with the last cursor, says how it stands.

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
// The server speaks at least every 20 s; a connection that is silent for longer is a connection in name only.
const DEAF_AFTER_MS = 45_000;
const REFUSED = 4404;

export class LogSocket {
  /** `onMessage(message)`; `onState("connecting" | "open" | "lost" | "ended" | "refused")`. */
  constructor(path, { onMessage, onState }) {
    this.url = new URL(path, location.href);
    this.url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    Object.assign(this, { onMessage, onState, cursor: null, pause: FIRST_PAUSE_MS, isOver: false });
    window.addEventListener("online", () => this.#retryNow());
    document.addEventListener("visibilitychange", () => document.hidden || this.#retryNow());
    // A page that is left for the back-forward cache must not hold a connection.
    window.addEventListener("pagehide", () => this.#leave());
    window.addEventListener("pageshow", (event) => event.persisted && !this.isOver && this.open());
  }

  open() {
    if (this.isOver || this.socket) return;
    if (this.cursor !== null) this.url.searchParams.set("cursor", this.cursor);
    this.onState(this.cursor === null ? "connecting" : "lost");
    const socket = new WebSocket(this.url);
    this.socket = socket;
    socket.onopen = () => this.#heard();
    socket.onmessage = (event) => this.socket === socket && this.#take(event.data);
    socket.onclose = (event) => this.socket === socket && this.#closed(event.code);
  }

  #take(data) {
    this.#heard();
    this.pause = FIRST_PAUSE_MS;
    const message = JSON.parse(data);
    if (message.cursor !== undefined) this.cursor = message.cursor;
    this.onState("open");
    this.onMessage(message);
    if (message.type !== "end") return;
    this.isOver = true;
    this.#leave();
    this.onState("ended");
  }

  #closed(code) {
    this.socket = null;
    clearTimeout(this.deaf);
    if (this.isOver) return;
    if (code === REFUSED) {
      this.isOver = true;
      this.onState("refused");
      return;
    }
    this.onState("lost");
    // Spread out: after a restart of the server all viewers come back at the same moment.
    this.timer = setTimeout(() => this.open(), this.pause * (0.75 + Math.random() / 2));
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE_MS);
  }

  #heard() {
    clearTimeout(this.deaf);
    this.deaf = setTimeout(() => {
      const { socket } = this;
      this.#leave();
      socket?.close();
      this.#closed(0);
    }, DEAF_AFTER_MS);
  }

  #retryNow() {
    if (this.isOver || this.socket) return;
    clearTimeout(this.timer);
    this.open();
  }

  #leave() {
    clearTimeout(this.timer);
    clearTimeout(this.deaf);
    const { socket } = this;
    this.socket = null;
    socket?.close();
  }
}
