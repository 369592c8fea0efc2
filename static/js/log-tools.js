// The tools above the log pane: wrap, times, fill the window, jump to the end, first error, copy a link.

import { formatAnchor } from "./log-anchor.js";
import { keep, recall } from "./log-kept.js";
import { MODES } from "./log-times.js";

const WRAP = "imageyard-log-wrap";
const TIMES = "imageyard-log-times";

const buttonOf = (pane, name) => pane.root.querySelector(`[data-log-tool="${name}"]`);

/** `pane` is a LogPane. → what the tools do, for the keys */
export function addTools(pane) {
  const tools = {
    wrap: () => {
      keep(WRAP, pane.view.isWrapped ? "no" : "yes");
      wrap(pane, !pane.view.isWrapped);
    },
    times: () => setTimes(pane, MODES[(MODES.indexOf(pane.timesMode) + 1) % MODES.length], true),
    full: () => fill(pane, !pane.root.classList.contains("is-full")),
    end: () => showEnd(pane),
    error: () => goToError(pane),
    unmark: () => pane.mark(""),
    link: () => nameLink(pane),
  };
  wrap(pane, recall(WRAP) === "yes");
  setTimes(pane, recall(TIMES) ?? "off", false);
  for (const [name, act] of Object.entries(tools)) buttonOf(pane, name)?.addEventListener("click", act);
  buttonOf(pane, "error").addEventListener("click", (event) => event.preventDefault());
  const select = pane.root.querySelector("[data-log-times]");
  select.addEventListener("change", () => setTimes(pane, select.value, true));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !pane.root.querySelector("dialog[open]")) fill(pane, false);
  });
  return tools;
}

function wrap(pane, isWrapped) {
  buttonOf(pane, "wrap")?.setAttribute("aria-pressed", String(isWrapped));
  const wasAtEnd = pane.view.position > 0 && pane.view.isAtEnd(endRow(pane));
  pane.view.setWrapped(isWrapped);
  if (wasAtEnd) pane.view.showEnd(endRow(pane));
  pane.settle();
}

function setTimes(pane, mode, isChosen) {
  pane.timesMode = MODES.includes(mode) ? mode : "off";
  if (isChosen) keep(TIMES, pane.timesMode);
  pane.root.classList.toggle("has-times", pane.timesMode !== "off");
  const select = pane.root.querySelector("[data-log-times]");
  select.value = pane.timesMode;
  if (isChosen) {
    const label = select.selectedOptions[0].textContent;
    pane.notice(pane.timesMode === "off" ? "Times are off." : `Times: ${label[0].toLowerCase()}${label.slice(1)}.`);
  }
  pane.view.changed();
  pane.checkTimes();
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

async function goToError(pane) {
  try {
    const answer = await fetch(pane.root.dataset.errorUrl, { headers: { Accept: "application/json" } });
    const { step, line, sentence } = await answer.json();
    pane.notice(sentence);
    if (step === null) return;
    pane.mark(formatAnchor({ step, from: line }));
    pane.goTo(step, line);
  } catch {
    pane.notice("The server did not answer; try it again.");
  }
}

// copy.js, which listens further out, copies what stands in data-copy.
function nameLink(pane) {
  const hash = pane.view.anchor ? formatAnchor(pane.view.anchor) : "";
  const url = new URL(hash, location.href);
  url.searchParams.delete("line");
  buttonOf(pane, "link").dataset.copy = url.href;
}
