// What a terminal would show of one log line: carriage returns applied, colours kept. Pure; builds/core/ansi.py is the
// same in Python, and tests/js holds both to one table. Control sequences: ECMA-48 and the OSC 8 hyperlink convention.

export const SHOWN_CHARACTERS = 8000;
const READ_CHARACTERS = 200_000;
const MAX_COLUMN = 10_000;
const MAX_DIGITS = 6;
const MAX_CARRY = 32;
const LINK = /^https?:\/\/[!-~]{1,500}$/;
const LINK_TEXT = /^[ -~]+$/;
const NEEDS_FOLDING = /[\x00-\x08\x0a-\x1f\x7f-\x9f]/;
const TOKEN = new RegExp(
  [
    "([^\\x00-\\x08\\x0a-\\x1f\\x7f-\\x9f]+)", // 1: text
    "\\x1b\\[([<-?]?)([0-9;:]*)([ -/]*)([@-~])", // 2 private, 3 parameters, 4 intermediate, 5 final
    "\\x1b\\]([^\\x07\\x1b]*)(?:\\x07|\\x1b\\\\)", // 6: OSC
    "\\x1b[PX^_][^\\x07\\x1b]*(?:\\x07|\\x1b\\\\)", // DCS, SOS, PM, APC: strings for terminals
    "\\x1b[ -/]+[0-~]|\\x1b[0-OQ-WYZ\\\\`-~]", // character sets, and two-byte escapes
    "([^])", // 7: a control character, or an introducer without an end
  ].join("|"),
  "gu",
);

/**
 * Apply what moves the cursor within `line` and give what remains to be seen.
 *
 * `carry` (SGR parameters in force, oldest first) is what the line before gave back.
 * → {runs: [{text, sgr, link}], carry}
 */
export function foldLine(line, carry = []) {
  if (!NEEDS_FOLDING.test(line)) return { runs: line ? [{ text: line, sgr: carry, link: "" }] : [], carry };
  const state = { cells: [], cursor: 0, sgr: carry, link: "" };
  for (const token of bounded(line).matchAll(TOKEN)) {
    if (token[1] !== undefined) put(state, token[1]);
    else if (token[5] !== undefined) controlSequence(state, token);
    else if (token[6] !== undefined) state.link = linkOf(token[6]);
    else if (token[7] === "\r") state.cursor = 0;
    else if (token[7] === "\b") move(state, state.cursor - 1);
  }
  return { runs: runsOf(state.cells), carry: state.sgr };
}

function bounded(line) {
  if (line.length <= READ_CHARACTERS) return line;
  return line.includes("\r") ? line.slice(-READ_CHARACTERS) : line.slice(0, READ_CHARACTERS);
}

const blank = () => ({ character: " ", sgr: [], link: "" });

function put(state, text) {
  while (state.cells.length < state.cursor) state.cells.push(blank());
  for (const character of text) {
    state.cells[state.cursor] = { character, sgr: state.sgr, link: state.link };
    state.cursor += 1;
  }
}

function move(state, column) {
  state.cursor = Math.max(0, Math.min(column, MAX_COLUMN));
}

function controlSequence(state, [, , privateMark, params, intermediate, final]) {
  if (privateMark || intermediate) return;
  const count = /^[0-9]+$/.test(params) && params.length < MAX_DIGITS ? Number(params) : 1;
  if (final === "m") state.sgr = sgrAfter(state.sgr, params);
  else if (final === "K") erase(state, params);
  else if (final === "G") move(state, Math.max(count, 1) - 1);
  else if (final === "C") move(state, state.cursor + Math.max(count, 1));
  else if (final === "D") move(state, state.cursor - Math.max(count, 1));
}

function erase(state, how) {
  if (how === "" || how === "0") state.cells.length = Math.min(state.cells.length, state.cursor);
  else if (how === "1") state.cells = state.cells.map((cell, i) => (i <= state.cursor ? blank() : cell));
  else if (how === "2") state.cells.length = 0;
}

function sgrAfter(carry, params) {
  if (params === "" || params === "0" || params === "00") return [];
  if (params.startsWith("0;")) return [params];
  return [...carry, params].slice(-MAX_CARRY);
}

function linkOf(osc) {
  const [kind, , ...address] = osc.split(";");
  return kind === "8" && LINK.test(address.join(";")) ? address.join(";") : "";
}

const sameSgr = (a, b) => a === b || (a.length === b.length && a.every((params, i) => params === b[i]));

function runsOf(cells) {
  const runs = [];
  for (const { character, sgr, link } of cells) {
    const last = runs.at(-1);
    if (last && last.link === link && sameSgr(last.sgr, sgr)) last.text += character;
    else runs.push({ text: character, sgr, link });
  }
  return runs;
}

/** The runs in the few sequences that the colour library reads: SGR from a reset, and OSC 8 around plain ASCII. */
export function canonical(runs) {
  return runs
    .map(({ text, sgr, link }) =>
      link && LINK_TEXT.test(text)
        ? `\x1b]8;;${link}\x1b\\${text}\x1b]8;;\x1b\\`
        : `\x1b[0m${sgr.map((params) => `\x1b[${params}m`).join("")}${text}`,
    )
    .join("");
}

/** Cut runs to what a page shows. → {runs, leftOut: characters} */
export function cutRuns(runs, room = SHOWN_CHARACTERS) {
  const shown = [];
  let left = room;
  for (const run of runs) {
    const characters = run.text.length > left ? Array.from(run.text) : null;
    const count = characters ? characters.length : Array.from(run.text).length;
    if (left > 0) shown.push(count > left ? { ...run, text: characters.slice(0, left).join("") } : run);
    left -= count;
  }
  return { runs: shown, leftOut: Math.max(0, -left) };
}
