// The keys of the log pane, and the dialog that lists them. Not while one types, nor with Ctrl, Alt or Meta.

import { copyMarked } from "./log-copy.js";

const FIELDS = "input, textarea, select, [contenteditable]";

/** `pane` is a LogPane, `tools` what its buttons do. */
export function addKeys(pane, tools) {
  const dialog = pane.root.querySelector("[data-log-keys]");
  const acts = {
    "/": () => pane.find.open(),
    n: () => pane.find.go(1),
    N: () => pane.find.go(-1),
    e: () => tools.error(),
    g: () => pane.toStart(),
    G: () => tools.end(),
    j: () => pane.step(1),
    k: () => pane.step(-1),
    f: () => pane.isLive && (pane.isFollowing ? pane.unfollow() : pane.follow()),
    w: () => tools.wrap(),
    t: () => tools.times(),
    c: () => copyMarked(pane),
    "?": () => dialog.showModal(),
  };
  // The browser's own search sees the lines in sight alone. Asked again in the field, it is the browser's.
  pane.root.addEventListener("keydown", (event) => {
    if (event.key !== "f" || event.altKey || event.shiftKey || !(event.ctrlKey || event.metaKey)) return;
    if (event.target.closest(FIELDS)) return;
    event.preventDefault();
    pane.find.open();
  });
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (dialog.open || event.target.closest?.(`${FIELDS}, dialog[open]`)) return;
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  pane.root.querySelector('[data-log-tool="keys"]').addEventListener("click", () => dialog.showModal());
}
