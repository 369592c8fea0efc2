// Keeps [data-refresh-url] fragments fresh. The pages' socket says which topics changed ([data-topic], space-separated);
// where there is no socket, slow polling does. Nothing is swapped under the pointer, the focus or a selection.

const POLL_MS = 15_000;
const POLL_WITH_SOCKET_MS = 60_000;
const SETTLE_MS = 150; // several changes at once make one fetch
const APART_MS = 1_500; // and a busy server is not asked more often than this
const RETRY_MS = [1_000, 2_000, 5_000, 15_000];
const STOP = 286; // the fragment is final

class Fragment {
  constructor(element) {
    this.element = element;
    this.topics = (element.dataset.topic || "").split(" ").filter(Boolean);
    this.timer = null;
    this.isFetching = this.isStale = this.isOver = false;
    this.readAt = Date.now();
    element.addEventListener("pointerleave", () => this.isStale && this.soon());
    element.addEventListener("focusout", () => this.isStale && this.soon());
  }

  get isHeld() {
    const selection = document.getSelection();
    return (
      this.element.matches(":hover") ||
      this.element.contains(document.activeElement) ||
      this.element.querySelector("details[open].confirm") !== null ||
      (selection && !selection.isCollapsed && this.element.contains(selection.anchorNode))
    );
  }

  get isUnderWay() {
    return this.element.querySelector(".spin, [role=progressbar]") !== null;
  }

  soon() {
    this.isStale = true;
    if (this.timer === null && !this.isOver) this.timer = setTimeout(() => this.read(), Math.max(SETTLE_MS, this.readAt + APART_MS - Date.now()));
  }

  async read() {
    this.timer = null;
    if (this.isFetching || document.hidden) return;
    this.isFetching = true;
    this.isStale = false;
    try {
      const answer = await fetch(this.element.dataset.refreshUrl, { headers: { "X-Refresh": "1" } });
      if (answer.redirected || answer.status === 404 || answer.status === 403) this.isOver = true;
      else if (answer.ok) this.show(await answer.text(), answer.status === STOP);
    } catch {
      this.isStale = true; // the server is away; the next poll tries again
    } finally {
      this.isFetching = false;
      this.readAt = Date.now();
    }
  }

  show(html, isFinal) {
    this.isOver = isFinal;
    if (html === this.shown) return;
    if (this.isHeld && this.isTable) {
      this.inPlace(html);
      return;
    }
    this.shown = html;
    this.element.innerHTML = html;
    if (window.htmx) window.htmx.process(this.element);
  }

  get isTable() {
    return this.element.querySelector("tbody, ul, .cards-row") !== null;
  }

  // While somebody points at it: rows that are still there change where they stand, and nothing moves.
  inPlace(html) {
    this.isStale = true;
    const fresh = document.createElement("template");
    fresh.innerHTML = html;
    for (const [key, row] of rowsOf(fresh.content)) {
      const old = rowsOf(this.element).get(key);
      if (old && old.innerHTML !== row.innerHTML && !old.matches(":hover") && !old.contains(document.activeElement)) {
        old.innerHTML = row.innerHTML;
      }
    }
  }
}

function rowsOf(root) {
  const rows = new Map();
  for (const row of root.querySelectorAll("[data-row]")) rows.set(row.dataset.row, row);
  return rows;
}

const fragments = [...document.querySelectorAll("[data-refresh-url]")].map((element) => new Fragment(element));
let socket = null;
let failures = 0;

function connect() {
  const topics = [...new Set(fragments.flatMap((fragment) => fragment.topics))];
  const url = new URL("/ws/pages/", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  url.searchParams.set("topics", topics.join(","));
  socket = new WebSocket(url);
  socket.addEventListener("open", () => {
    // Something may have been missed: while the socket was away, or between the page and its first socket. What was
    // under way on the page may be over by then.
    for (const fragment of fragments) if (failures > 0 || fragment.isUnderWay) fragment.soon();
    failures = 0;
  });
  socket.addEventListener("message", (event) => heard(JSON.parse(event.data)));
  socket.addEventListener("close", () => {
    socket = null;
    setTimeout(connect, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
  });
}

function heard(message) {
  const topics = message.topics || [message.topic];
  for (const fragment of fragments) {
    if (fragment.topics.some((topic) => topics.includes(topic))) fragment.soon();
  }
}

function poll() {
  const every = socket && socket.readyState === WebSocket.OPEN ? POLL_WITH_SOCKET_MS : POLL_MS;
  for (const fragment of fragments) {
    if (fragment.isStale || Date.now() - fragment.readAt >= every) fragment.soon();
  }
}

if (fragments.length > 0) {
  connect();
  setInterval(poll, 5_000);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) poll();
  });
}
