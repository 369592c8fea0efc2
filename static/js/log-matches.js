// What a search has found so far: lines in order, and which of them one is at. Pure.

export const MOST = 10_000; // lines that match; beyond that the count says "at least"

export class Matches {
  constructor() {
    this.lines = []; // [{step, line}], in order
    this.spans = new Map(); // step → Map(line → spans)
    this.at = -1;
  }

  get count() {
    return this.lines.length;
  }

  get here() {
    return this.lines[this.at] ?? null;
  }

  spansOf(step, line) {
    return this.spans.get(step)?.get(line);
  }

  /** Take matches of an answer, which may repeat what is known. → how many are new */
  add(matches) {
    const before = this.count;
    const { here } = this;
    for (const { step, line, spans } of matches) {
      const known = this.spans.get(step) ?? new Map();
      this.spans.set(step, known);
      if (!known.has(line)) this.lines.push({ step, line });
      known.set(line, spans);
    }
    if (this.count > before) this.lines.sort(inOrder);
    if (here) this.at = this.lines.indexOf(here);
    return this.count - before;
  }

  /** Go to the first match at or behind a place; to the first of all where none is. → it, or null */
  seek(place) {
    const found = this.lines.findIndex((match) => inOrder(match, place) >= 0);
    this.at = found < 0 ? Math.min(0, this.count - 1) : found;
    return this.here;
  }

  /** Go on by 1 or -1, round the ends. → {match, isRound} */
  go(by) {
    if (!this.count) return { match: null, isRound: false };
    const next = this.at < 0 && by < 0 ? this.count - 1 : this.at + by;
    const isRound = next < 0 || next >= this.count;
    this.at = (next + this.count) % this.count;
    return { match: this.here, isRound };
  }

  /** What a person reads beside the search: `answer` is {searched, total, next}. */
  say({ searched, total, next }) {
    const count = this.count.toLocaleString("en-US");
    if (this.count >= MOST && next) return `${this.#place()}at least ${count} lines`;
    const lines = this.count === 1 ? "1 line" : `${count} lines`;
    if (next) return `${lines} · searched ${searched.toLocaleString("en-US")} of ${total.toLocaleString("en-US")} lines so far`;
    if (!this.count) return `Nothing found in ${total.toLocaleString("en-US")} ${total === 1 ? "line" : "lines"}`;
    return this.at < 0 ? lines : `${this.#place()}${lines}`;
  }

  #place() {
    return this.at < 0 ? "" : `${(this.at + 1).toLocaleString("en-US")} of `;
  }
}

const inOrder = (a, b) => a.step - b.step || a.line - b.line;
