// Copying from the log: plain text, also of lines that are not drawn. Numbers and times stay behind.

import { plainText } from "./log-lines.js";
import { offsetIn } from "./log-ranges.js";

const MOST_LINES = 20_000;
const AT_ONCE = 2000;
const SHOWN_MS = 1500;

/** `pane` is a LogPane. */
export function addCopying(pane) {
  const button = pane.root.querySelector('[data-log-tool="copy"]');
  button.addEventListener("click", () => copyMarked(pane));
  document.addEventListener("copy", (event) => copySelection(pane, event));
}

/** The marked lines go to the clipboard. */
export async function copyMarked(pane) {
  const { anchor } = pane.view;
  if (!anchor || anchor.from === null) return pane.notice("Mark lines first: click a line number, then another with Shift.");
  const text = await textOf(pane, { ...anchor, to: anchor.to + 1 });
  if (text === null) return pane.notice(`Those are more than ${MOST_LINES.toLocaleString("en-US")} lines; download the raw log.`);
  await put(`${text}\n`);
  const button = pane.root.querySelector('[data-log-tool="copy"]');
  button.classList.add("is-copied");
  setTimeout(() => button.classList.remove("is-copied"), SHOWN_MS);
  const lines = anchor.to - anchor.from + 1;
  return pane.notice(lines === 1 ? "1 line copied." : `${lines.toLocaleString("en-US")} lines copied.`);
}

// The browser copies what is drawn; a selection may begin and end where nothing is drawn any more.
function copySelection(pane, event) {
  const selection = document.getSelection();
  if (!selection || selection.isCollapsed) {
    const isHere = pane.root.contains(document.activeElement) && pane.view.anchor?.from != null;
    if (!isHere || event.target.closest?.("input, textarea")) return;
    event.preventDefault();
    copyMarked(pane);
    return;
  }
  const range = selection.getRangeAt(0);
  if (!pane.view.list.contains(range.startContainer) || !pane.view.list.contains(range.endContainer)) return;
  const [begin, end] = [pointOf(range.startContainer, range.startOffset), pointOf(range.endContainer, range.endOffset)];
  if (!begin || !end) return;
  event.preventDefault();
  const known = knownText(pane, begin, end);
  if (known !== null) event.clipboardData.setData("text/plain", known);
  else copyFar(pane, begin, end);
}

function pointOf(node, offset) {
  const element = node.nodeType === Node.TEXT_NODE ? node.parentElement : node;
  const row = element.closest(".log-row, .log-heading") ?? element.children[Math.min(offset, element.children.length - 1)];
  if (!row) return null;
  const text = row.querySelector(".log-text");
  const step = Number(row.dataset.step);
  if (!text) return { step, line: -1, offset: 0 };
  return { step, line: Number(row.dataset.line), offset: offsetIn(text, node, offset) };
}

// What is read already is copied at once, as the browser wants it.
function knownText(pane, begin, end) {
  const lines = [];
  for (const place of places(pane, begin, end)) {
    const text = pane.lines.plain(place.step, place.line);
    if (text === undefined || lines.length > MOST_LINES) return null;
    lines.push(text);
  }
  return trimmed(lines, begin, end);
}

async function copyFar(pane, begin, end) {
  const lines = [];
  for (const { step, from, to } of stretches(pane, begin, end)) {
    const text = lines.length <= MOST_LINES ? await textOf(pane, { step, from, to }) : null;
    if (text === null) {
      pane.notice(`That is more than ${MOST_LINES.toLocaleString("en-US")} lines; download the raw log.`);
      return;
    }
    lines.push(...text.split("\n"));
  }
  await put(trimmed(lines, begin, end));
  pane.notice(`${lines.length.toLocaleString("en-US")} lines copied.`);
}

/** Pure: cut the first and the last line to what is selected of them. */
export function trimmed(lines, begin, end) {
  if (!lines.length) return "";
  const cut = [...lines];
  const isOne = cut.length === 1;
  if (end.line >= 0) cut[cut.length - 1] = cut.at(-1).slice(0, end.offset);
  if (begin.line >= 0) cut[0] = cut[0].slice(isOne && end.line < 0 ? 0 : begin.offset);
  return cut.join("\n");
}

// The lines between two places, step by step; of folded steps there are none.
function stretches(pane, begin, end) {
  return pane.rows.steps
    .filter(({ index }) => index >= begin.step && index <= end.step && pane.rows.isOpen(index))
    .map(({ index, lines }) => ({
      step: index,
      from: index === begin.step ? Math.max(0, begin.line) : 0,
      to: index === end.step ? Math.min(lines, end.line + 1) : lines,
    }))
    .filter(({ from, to }) => to > from);
}

function* places(pane, begin, end) {
  for (const { step, from, to } of stretches(pane, begin, end)) {
    for (let line = from; line < to; line += 1) yield { step, line };
  }
}

/** The lines [from, to) of a step as text, or null where they are too many. */
async function textOf(pane, { step, from, to }) {
  if (to - from > MOST_LINES) return null;
  const lines = [];
  while (from + lines.length < to) {
    const answer = await pane.read(step, from + lines.length, Math.min(AT_ONCE, to - from - lines.length));
    if (!answer.lines.length) break;
    lines.push(...answer.lines.map(plainText));
  }
  return lines.slice(0, to - from).join("\n");
}

async function put(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // Over plain http on another host browsers offer only the old way.
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
