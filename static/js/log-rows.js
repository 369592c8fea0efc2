// The log as one list of rows: a heading for each step that has begun, and below it its lines while it is open. Pure.

export class LogRows {
  constructor() {
    this.steps = [];
    this.opened = new Map(); // what the reader or follow mode decided, by step
    this.told = new Map(); // whole lines that are known of, by step; its heading may come later than its lines
    this.#count();
  }

  /** Take what is known of the steps: [{index, lines, …}]. Line counts never shrink: news can overtake a page. */
  update(steps) {
    const known = new Map(this.steps.map((step) => [step.index, step]));
    this.steps = steps.map((step) => {
      const before = known.get(step.index);
      const lines = Math.max(step.lines, this.told.get(step.index) ?? 0);
      this.told.set(step.index, lines);
      return { partial: before?.partial ?? null, ...step, lines };
    });
    this.#count();
  }

  /** Whole lines that are known of, of every step. */
  get total() {
    return [...this.told.values()].reduce((sum, lines) => sum + lines, 0);
  }

  step(index) {
    return this.steps.find((step) => step.index === index);
  }

  isOpen(index) {
    return this.opened.get(index) ?? false;
  }

  setOpen(index, isOpen) {
    this.opened.set(index, isOpen);
    this.#count();
  }

  /** The step has at least so many whole lines. → how many are new */
  grow(index, lines) {
    const before = this.told.get(index) ?? 0;
    if (lines <= before) return 0;
    this.told.set(index, lines);
    const step = this.step(index);
    if (!step) return 0;
    const added = lines - step.lines;
    step.lines = lines;
    if (step.partial && step.partial.line < lines) step.partial = null;
    this.#count();
    return added;
  }

  /** The unfinished last line of a step; it stands where the next whole line will stand. */
  setPartial(index, line, text) {
    const step = this.step(index);
    if (!step || line < step.lines) return;
    step.partial = text ? { line, text } : null;
    this.#count();
  }

  /** Lines to show of a step, an unfinished one included. */
  shown(step) {
    return step.lines + (step.partial && step.partial.line === step.lines ? 1 : 0);
  }

  #count() {
    this.starts = [];
    let rows = 0;
    for (const step of this.steps) {
      this.starts.push(rows);
      rows += 1 + (this.isOpen(step.index) ? this.shown(step) : 0);
    }
    this.count = rows;
  }

  /** → {step, line}; line is null for a heading. */
  at(row) {
    let low = 0;
    let high = this.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.starts[middle] <= row) low = middle;
      else high = middle - 1;
    }
    const offset = row - this.starts[low];
    return { step: this.steps[low], line: offset === 0 ? null : offset - 1 };
  }

  /** The row of a line, of a heading where `line` is null; -1 where the step is not there. */
  rowOf(index, line = null) {
    const place = this.steps.findIndex((step) => step.index === index);
    if (place < 0) return -1;
    const last = this.isOpen(index) ? this.shown(this.steps[place]) : 0;
    return this.starts[place] + (line === null ? 0 : Math.min(line + 1, last));
  }

  /** The last row that belongs to a step. */
  endOf(index) {
    return this.rowOf(index, Number.MAX_SAFE_INTEGER);
  }
}
