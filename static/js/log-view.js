// The log pane: a virtual list of rows over a log of any length. Says nothing to the network itself.

import { formatAnchor, holds } from "./log-anchor.js";
import { drawHeading, drawLine } from "./log-draw.js";
import { clamp, contentHeight, lastPosition, positionAt, scrollTopOf, windowOf } from "./log-scroll.js";

const OVERSCAN = 24;
const REST_MS = 60; // lines are asked for when scrolling rests that long

export class LogView {
  /** `pane` scrolls; `rows` is a LogRows, `lines` a LogLines; `onMove(isUp)` when the reader moves, `onPlace()` always. */
  constructor(pane, rows, lines, { onMove, onPlace }) {
    Object.assign(this, { pane, rows, lines, onMove, onPlace });
    this.sizer = pane.querySelector("[data-log-sizer]");
    this.list = pane.querySelector("[data-log-rows]");
    this.drawn = new Map(); // row → element
    this.position = 0;
    this.anchor = null;
    this.isWrapped = false;
    this.rowHeight = parseFloat(getComputedStyle(pane).getPropertyValue("--log-row")) || 20;
    this.expectedTop = 0;
    pane.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    pane.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    new ResizeObserver(() => this.changed()).observe(pane);
  }

  restart(rows) {
    this.rows = rows;
    this.anchor = null;
    for (const element of this.drawn.values()) element.remove();
    this.drawn.clear();
    this.changed();
  }

  get viewport() {
    return this.pane.clientHeight;
  }

  /** Rows came, went or changed: draw them anew, where the reader was. */
  changed() {
    this.height = contentHeight(this.rows.count, this.rowHeight);
    this.last = lastPosition(this.rows.count, this.rowHeight, this.viewport);
    this.sizer.style.height = `${this.height.pixels}px`;
    this.#place(this.position);
  }

  /** Put a row at the upper edge, or `above` rows below it. */
  showRow(row, above = 0) {
    this.#place(row - above);
  }

  /** Put the lower edge of a row at the lower edge of the pane. */
  showEnd(row) {
    this.#place(row + 1 - this.viewport / this.rowHeight);
    const missing = this.#bottomOf(row) - this.viewport;
    // Wrapped rows are higher than a row; what they are higher by is known once they are there.
    if (this.isWrapped && missing > 0) this.#place(this.#movedBy(missing));
  }

  isAtEnd(row) {
    return this.drawn.has(row) && this.#bottomOf(row) <= this.viewport + this.rowHeight;
  }

  setWrapped(isWrapped) {
    this.isWrapped = isWrapped;
    this.pane.classList.toggle("log-wrapped", isWrapped);
    this.changed();
  }

  setAnchor(anchor) {
    this.anchor = anchor;
    for (const element of this.drawn.values()) this.#mark(element);
  }

  get #geometry() {
    return { pixels: this.height.pixels, viewport: this.viewport, last: this.last };
  }

  #place(position) {
    // How far down the end of wrapped lines is shows only once they are drawn.
    const limit = this.isWrapped ? Math.max(this.last, this.rows.count - 1) : this.last;
    this.position = clamp(position, 0, Math.max(limit, 0));
    this.#draw();
    if (this.position > this.last) {
      this.position = this.last;
      this.#draw();
    }
    this.#syncScrollbar();
  }

  #syncScrollbar() {
    this.expectedTop = Math.round(scrollTopOf(this.position, this.#geometry));
    if (Math.abs(this.pane.scrollTop - this.expectedTop) > 1) this.pane.scrollTop = this.expectedTop;
    this.#align();
  }

  #scrolled() {
    // The echo of our own move says nothing new; rounding would lose the part of a row.
    if (Math.abs(this.pane.scrollTop - this.expectedTop) <= 1) return this.#align();
    this.expectedTop = this.pane.scrollTop;
    const before = this.position;
    this.position = clamp(positionAt(this.pane.scrollTop, this.#geometry), 0, this.last);
    this.#draw();
    this.#align();
    this.onMove(this.position < before);
  }

  // Where a pixel of the scroll bar stands for many, the wheel would jump: it moves by rows instead.
  #wheel(event) {
    if (event.deltaY < 0) this.onMove(true);
    if (!this.height.isScaled || event.ctrlKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) return;
    event.preventDefault();
    const unit = [1, this.rowHeight, this.viewport][event.deltaMode] ?? 1;
    this.#place(this.position + (event.deltaY * unit) / this.rowHeight);
    this.onMove(event.deltaY < 0);
  }

  #draw() {
    const { rows, rowHeight, viewport } = this;
    const [first, end] = windowOf(this.position, { rows: rows.count, rowHeight, viewport, overscan: OVERSCAN });
    for (const [row, element] of this.drawn) {
      if (row < first || row >= end) {
        element.remove();
        this.drawn.delete(row);
      }
    }
    let previous = null;
    for (let row = first; row < end; row += 1) {
      const element = this.#element(row);
      const place = previous ? previous.nextSibling : this.list.firstChild;
      if (place !== element) this.list.insertBefore(element, place);
      previous = element;
    }
    this.#align();
    this.#askSoon(first, end);
    this.onPlace();
  }

  #element(row) {
    const { step, line } = this.rows.at(row);
    const isPartial = line !== null && line === step.lines;
    const html = isPartial ? this.lines.partial(step.partial.text) : line === null ? "" : this.lines.html(step.index, line);
    const isOpen = this.rows.isOpen(step.index);
    const old = this.drawn.get(row);
    const fresh = line === null ? drawHeading(old, step, isOpen) : drawLine(old, step, line, html);
    if (old && old !== fresh) old.remove();
    this.drawn.set(row, fresh);
    this.#mark(fresh);
    return fresh;
  }

  #mark(element) {
    const isHeld = holds(this.anchor, Number(element.dataset.step), Number(element.dataset.line ?? NaN));
    element.classList.toggle("is-linked", isHeld);
  }

  // The rows are moved, not the box: the row at the upper edge stands where the position says.
  #align() {
    const row = Math.min(Math.floor(this.position), this.rows.count - 1);
    const edge = this.drawn.get(row);
    if (!edge) return;
    if (this.isWrapped) this.#measureEnd();
    const offset = edge.offsetTop + (this.position - row) * edge.offsetHeight;
    this.list.style.transform = `translateY(${this.pane.scrollTop - offset}px)`;
  }

  #measureEnd() {
    let row = this.rows.count - 1;
    let room = this.viewport;
    for (; row >= 0 && this.drawn.has(row); row -= 1) {
      const { offsetHeight } = this.drawn.get(row);
      if (offsetHeight >= room) {
        this.last = row + 1 - room / offsetHeight;
        return;
      }
      room -= offsetHeight;
    }
    if (row < 0) this.last = 0;
  }

  #bottomOf(row) {
    const element = this.drawn.get(row);
    if (!element) return Infinity;
    return element.getBoundingClientRect().bottom - this.pane.getBoundingClientRect().top - this.pane.clientTop;
  }

  #movedBy(pixels) {
    let row = Math.floor(this.position);
    let part = this.position - row;
    let left = pixels;
    for (; this.drawn.has(row); row += 1, part = 0) {
      const height = this.drawn.get(row).offsetHeight;
      const rest = height * (1 - part);
      if (rest >= left) return row + part + left / height;
      left -= rest;
    }
    return row;
  }

  #askSoon(first, end) {
    clearTimeout(this.asking);
    this.asking = setTimeout(() => this.#ask(first, end), REST_MS);
  }

  #ask(first, end) {
    const wanted = new Map();
    for (let row = first; row < Math.min(end, this.rows.count); row += 1) {
      const { step, line } = this.rows.at(row);
      if (line === null || line >= step.lines) continue;
      const [from] = wanted.get(step) ?? [line];
      wanted.set(step, [from, line + 1]);
    }
    for (const [step, [from, to]] of wanted) this.lines.want(step.index, from, to, step.lines);
  }

  /** The address of a line, or of the lines from the one that is marked to this one. */
  anchorTo(step, line, isRange) {
    const from = isRange && this.anchor?.step === step && this.anchor.from !== null ? this.anchor.from : line;
    return formatAnchor({ step, from, to: line });
  }
}
