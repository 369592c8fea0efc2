// The tools above the log pane: wrap, fill the window, jump to the end, copy a link.

import { formatAnchor } from "./log-anchor.js";

const WRAP = "imageyard-log-wrap";

function remembered() {
  try {
    return localStorage.getItem(WRAP);
  } catch {
    return null; // storage is switched off
  }
}

function remember(value) {
  try {
    localStorage.setItem(WRAP, value);
  } catch {
    // Nothing to keep it in; it holds for this page.
  }
}

const buttonOf = (pane, name) => pane.root.querySelector(`[data-log-tool="${name}"]`);

/** `pane` is a LogPane. */
export function addTools(pane) {
  const on = (name, act) => buttonOf(pane, name)?.addEventListener("click", act);
  wrap(pane, remembered() === "yes");
  on("wrap", () => {
    remember(pane.view.isWrapped ? "no" : "yes");
    wrap(pane, !pane.view.isWrapped);
  });
  on("full", () => fill(pane, !pane.root.classList.contains("is-full")));
  on("end", () => showEnd(pane));
  on("link", () => nameLink(pane));
  document.addEventListener("keydown", (event) => event.key === "Escape" && fill(pane, false));
}

function wrap(pane, isWrapped) {
  buttonOf(pane, "wrap")?.setAttribute("aria-pressed", String(isWrapped));
  const wasAtEnd = pane.view.position > 0 && pane.view.isAtEnd(endRow(pane));
  pane.view.setWrapped(isWrapped);
  if (wasAtEnd) pane.view.showEnd(endRow(pane));
  pane.settle();
}

function fill(pane, isFull) {
  pane.root.classList.toggle("is-full", isFull);
  buttonOf(pane, "full")?.setAttribute("aria-pressed", String(isFull));
}

function showEnd(pane) {
  if (pane.isLive) return pane.follow();
  pane.view.showEnd(endRow(pane));
}

// The last line of the last step that is open.
function endRow(pane) {
  const open = pane.rows.steps.filter((step) => pane.rows.isOpen(step.index)).at(-1);
  return open ? pane.rows.endOf(open.index) : pane.rows.count - 1;
}

// copy.js, which listens further out, copies what stands in data-copy.
function nameLink(pane) {
  const hash = pane.view.anchor ? formatAnchor(pane.view.anchor) : "";
  buttonOf(pane, "link").dataset.copy = new URL(hash, location.href).href;
}
