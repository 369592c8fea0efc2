// Marks what a search found in the rows that are drawn. Highlights change no element (CSS Custom Highlight API); where
// a browser has none, the mark beside the line number says it alone.

import { rangesOf } from "./log-ranges.js";

const NAME = "log-match";
const HERE = "log-match-here";

/** `spansOf(step, line)` → spans or undefined; `here` is {step, line} or null. → the ranges of the line that is here */
export function paint(rows, spansOf, here) {
  const all = [];
  let current = [];
  for (const element of rows) {
    if (element.dataset.line === undefined) continue;
    const [step, line] = [Number(element.dataset.step), Number(element.dataset.line)];
    const spans = spansOf(step, line);
    const isHere = Boolean(spans) && here?.step === step && here.line === line;
    element.classList.toggle("is-match", Boolean(spans));
    element.classList.toggle("is-here", isHere);
    if (!spans || element.classList.contains("is-unread")) continue;
    const ranges = rangesOf(element.querySelector(".log-text"), spans);
    if (isHere) current = ranges;
    else all.push(...ranges);
  }
  if (globalThis.CSS?.highlights) {
    CSS.highlights.set(NAME, new Highlight(...all));
    CSS.highlights.set(HERE, new Highlight(...current));
  }
  return current;
}
