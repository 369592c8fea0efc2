// One log line to HTML that is safe to put into the page: every character of the line is escaped by ansi_up.

import { AnsiUp } from "../vendor/ansi_up/ansi_up.js";
import { canonical, cutRuns, foldLine } from "./log-fold.js";

const ansi = new AnsiUp();
ansi.use_classes = true;
ansi.escape_html = true;
ansi.url_allowlist = { http: 1, https: 1 };

// ansi_up writes every other "<" as an entity, so that this is an anchor of its own and nothing else.
const ANCHOR = /<a href="/g;
const SAFE_ANCHOR = '<a rel="noopener noreferrer nofollow" target="_blank" href="';

/** → {html, carry}; `carry` goes into the next line. */
export function htmlLine(line, carry = []) {
  const folded = foldLine(line, carry);
  const { runs, leftOut } = cutRuns(folded.runs);
  let html = ansi.ansi_to_html(`${canonical(runs)}\x1b[0m`).replace(ANCHOR, SAFE_ANCHOR);
  if (leftOut) {
    const count = leftOut.toLocaleString("en-US");
    html += `<span class="log-cut">… ${count} more characters; the raw log has them</span>`;
  }
  return { html, carry: folded.carry };
}
