// The lines that were read, in pieces of 500; the rest is asked for by range. Addressed by number: no gap, no duplicate.

import { htmlLine } from "./log-ansi.js";
import { foldLine } from "./log-fold.js";
import { piecesOf } from "./log-scroll.js";
import { spread } from "./log-times.js";

export const PIECE = 500;
const KEPT_PIECES = 60;
const AT_ONCE = 3;
const PAUSE_MS = 1500;

export class LogLines {
  /** `read(step, from, count)` → Promise<{first_line, lines, total, times}>; `onChange(step, answer)`. */
  constructor(read, onChange) {
    this.read = read;
    this.onChange = onChange;
    this.pieces = new Map(); // "step:piece" → {lines, html, carries, times}, most recently used last
    this.reading = new Map(); // "step:piece" → Promise
  }

  clear() {
    this.pieces.clear();
  }

  /** `marks` say when they were printed: [[line, ms], …]. */
  put(step, first, lines, marks = []) {
    const times = spread(marks, first, lines.length);
    lines.forEach((text, i) => {
      const piece = this.#piece(step, Math.floor((first + i) / PIECE));
      const slot = (first + i) % PIECE;
      if (times[i] !== undefined) piece.times[slot] = times[i];
      if (piece.lines[slot] === text) return;
      piece.lines[slot] = text;
      if (slot < piece.html.length) piece.html.length = 0; // colours run on from line to line: draw the piece anew
    });
    this.#forget();
  }

  has(step, line) {
    return this.pieces.get(key(step, Math.floor(line / PIECE)))?.lines[line % PIECE] !== undefined;
  }

  /** When a line was printed, in ms, or undefined. */
  time(step, line) {
    return this.pieces.get(key(step, Math.floor(line / PIECE)))?.times[line % PIECE];
  }

  /** The text of a line as it is shown, without colours, or undefined where it was not read yet. */
  plain(step, line) {
    const text = this.pieces.get(key(step, Math.floor(line / PIECE)))?.lines[line % PIECE];
    return text === undefined ? undefined : plainText(text);
  }

  /** HTML of a line, or undefined where it was not read yet. */
  html(step, line) {
    const piece = this.pieces.get(key(step, Math.floor(line / PIECE)));
    const slot = line % PIECE;
    if (piece?.lines[slot] === undefined) return undefined;
    for (let next = piece.html.length; next <= slot; next += 1) {
      const carry = next ? piece.carries[next - 1] : [];
      const drawn = htmlLine(piece.lines[next] ?? "", carry);
      piece.html[next] = drawn.html;
      piece.carries[next] = drawn.carry;
    }
    return piece.html[slot];
  }

  /** HTML of a line that has not ended. */
  partial(text) {
    return htmlLine(text).html;
  }

  /** Read what is missing of the lines [from, end) of a step that has `total` lines. */
  want(step, from, end, total) {
    for (const piece of piecesOf(from, Math.min(end, total), PIECE)) {
      if (this.reading.size >= AT_ONCE) return;
      const first = this.#firstMissing(step, Math.max(from, piece * PIECE), Math.min(end, total, (piece + 1) * PIECE));
      if (first === null || this.reading.has(key(step, piece))) continue;
      // A piece is read whole, so that colours are right from its start; what an answer had no room for is read next.
      const start = this.pieces.has(key(step, piece)) ? first : piece * PIECE;
      const count = Math.min((piece + 1) * PIECE, total) - start;
      this.reading.set(key(step, piece), this.#fetch(step, piece, start, count));
    }
  }

  #firstMissing(step, from, end) {
    for (let line = from; line < end; line += 1) if (!this.has(step, line)) return line;
    return null;
  }

  async #fetch(step, piece, start, count) {
    let answer = { total: 0, lines: [] };
    try {
      answer = await this.read(step, start, count);
      this.put(step, answer.first_line, answer.lines, answer.times);
    } catch {
      answer = { total: 0, lines: [] }; // the server is away or slow: whoever looks at these lines asks again, not at once
    }
    if (answer.lines.length === 0) await new Promise((done) => setTimeout(done, PAUSE_MS));
    this.reading.delete(key(step, piece));
    this.onChange(step, answer);
  }

  #piece(step, number) {
    const name = key(step, number);
    const piece = this.pieces.get(name) ?? { lines: [], html: [], carries: [], times: [] };
    this.pieces.delete(name);
    this.pieces.set(name, piece);
    return piece;
  }

  #forget() {
    for (const name of this.pieces.keys()) {
      if (this.pieces.size <= KEPT_PIECES) return;
      this.pieces.delete(name);
    }
  }
}

/** A line as it is shown, without colours. */
export function plainText(line) {
  return foldLine(line).runs.map((run) => run.text).join("");
}

const key = (step, piece) => `${step}:${piece}`;
