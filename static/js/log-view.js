// The log pane: a virtual list of rows over a log of any length. Says nothing to the network itself.

import { formatAnchor, holds } from "./log-anchor.js";
import { drawHeading, drawLine } from "./log-draw.js";
import { bottomOf, endPosition, movedBy } from "./log-heights.js";
import { clamp, contentHeight, lastPosition, positionAt, scrollTopOf, windowOf } from "./log-scroll.js";

const OVERSCAN = 24;
const REST_MS = 60; // lines are asked for when scrolling rests that long
const SETTLE_MS = 160; // the scroll bar of wrapped lines is put right when scrolling rests that long
const NEAR = 2; // viewports: a scroll by less goes by pixels, by more to a place

export class LogView {
  /**
   * `pane` scrolls; `rows` is a LogRows, `lines` a LogLines; `onMove(isUp)` when the reader moves, `onPlace()` always;
   * `timeOf(step, line)` → text that stands before a line.
   */
  constructor(pane, rows, lines, { onMove, onPlace, timeOf }) {
    Object.assign(this, { pane, rows, lines, onMove, onPlace, timeOf });
    this.sizer = pane.querySelector("[data-log-sizer]");
    this.list = pane.querySelector("[data-log-rows]");
    this.drawn = new Map(); // row → element
    this.kept = new Set(); // elements out of sight in which a selection begins or ends
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
    for (const element of [...this.drawn.values(), ...this.kept]) element.remove();
    this.drawn.clear();
    this.kept.clear();
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
    if (this.isWrapped && missing > 0) this.#place(movedBy(this.drawn, this.position, missing));
  }

  /** Move as little as need be so that a row is in sight. */
  reveal(row) {
    if (row < Math.ceil(this.position)) this.showRow(row);
    else if (!this.isInSight(row)) this.showEnd(row);
  }

  isInSight(row) {
    return this.drawn.has(row) && row >= Math.floor(this.position + 0.01) && this.#bottomOf(row) <= this.viewport + 1;
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
    this.#draw(position);
    this.#syncScrollbar();
  }

  // `top` is where the scroll bar is, for who knows it: to ask costs a layout.
  #draw(position, top) {
    // How far down the end of wrapped lines is shows only once they are drawn.
    const limit = this.isWrapped ? Math.max(this.last, this.rows.count - 1) : this.last;
    this.position = clamp(position, 0, Math.max(limit, 0));
    this.#fill(top);
    if (this.position <= this.last) return;
    this.position = this.last;
    this.#fill(top);
  }

  #syncScrollbar() {
    clearTimeout(this.settling);
    this.expectedTop = Math.round(scrollTopOf(this.position, this.#geometry));
    if (Math.abs(this.pane.scrollTop - this.expectedTop) > 1) this.pane.scrollTop = this.expectedTop;
    this.#align();
  }

  #scrolled() {
    const moved = this.pane.scrollTop - this.expectedTop;
    // The echo of our own move says nothing new; rounding would lose the part of a row.
    if (Math.abs(moved) <= 1) return this.#align();
    const top = (this.expectedTop += moved);
    // The pane became higher or lower, and the browser held the bar within it: nobody moved.
    if (moved < 0 && top >= this.height.pixels - this.viewport - 1) return this.#align();
    const before = this.position;
    if (this.isWrapped && Math.abs(moved) < NEAR * this.viewport) {
      // A row of many lines passes by its pixels, as it would anywhere else; the bar follows when the hand rests.
      this.#draw(movedBy(this.drawn, this.position, moved), top);
      clearTimeout(this.settling);
      this.settling = setTimeout(() => this.#syncScrollbar(), SETTLE_MS);
    } else {
      this.#draw(clamp(positionAt(top, this.#geometry), 0, this.last), top);
    }
    this.onMove(this.position < before);
  }

  // Where a pixel of the scroll bar stands for another height than a row's, the wheel would jump: it moves by pixels.
  #wheel(event) {
    if (event.deltaY < 0) this.onMove(true);
    const isOurs = this.height.isScaled || this.isWrapped;
    if (!isOurs || event.ctrlKey || event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) return;
    event.preventDefault();
    const unit = [1, this.rowHeight, this.viewport][event.deltaMode] ?? 1;
    this.#place(movedBy(this.drawn, this.position, event.deltaY * unit));
    this.onMove(event.deltaY < 0);
  }

  #fill(top) {
    const { rows, rowHeight, viewport } = this;
    const [first, end] = windowOf(this.position, { rows: rows.count, rowHeight, viewport, overscan: OVERSCAN });
    this.#clear(first, end);
    let previous = null;
    for (let row = first; row < end; row += 1) {
      const element = this.#element(row);
      let place = previous ? previous.nextSibling : this.list.firstChild;
      while (place && this.kept.has(place) && place.keptRow < row) place = place.nextSibling;
      if (place !== element) this.list.insertBefore(element, place);
      previous = element;
    }
    this.firstDrawn = first;
    this.#align(top);
    this.#askSoon(first, end);
    this.onPlace();
  }

  // A selection that reaches out of sight keeps the rows that it begins and ends in.
  #clear(first, end) {
    const selection = document.getSelection();
    const ends = selection && !selection.isCollapsed ? [selection.anchorNode, selection.focusNode] : [];
    const isHeld = (element) => ends.some((node) => element.contains(node));
    for (const [row, element] of this.drawn) {
      if (row >= first && row < end) continue;
      this.drawn.delete(row);
      if (isHeld(element)) {
        element.classList.add("is-kept");
        element.keptRow = row;
        this.kept.add(element);
      } else {
        if (element.contains(document.activeElement)) this.pane.focus({ preventScroll: true });
        element.remove();
      }
    }
    for (const element of this.kept) {
      if (isHeld(element)) continue;
      this.kept.delete(element);
      element.remove();
    }
  }

  #element(row) {
    const { step, line } = this.rows.at(row);
    const isPartial = line !== null && line === step.lines;
    const html = isPartial ? this.lines.partial(step.partial.text) : line === null ? "" : this.lines.html(step.index, line);
    const old = this.drawn.get(row) ?? this.#taken(step.index, line);
    const fresh =
      line === null
        ? drawHeading(old, step, this.rows.isOpen(step.index))
        : drawLine(old, step, line, html, isPartial ? "" : this.timeOf(step, line));
    if (old && old !== fresh) old.remove();
    this.drawn.set(row, fresh);
    this.#mark(fresh);
    return fresh;
  }

  // The element of a line that was kept out of sight and comes back.
  #taken(step, line) {
    for (const element of this.kept) {
      if (Number(element.dataset.step) !== step || element.dataset.line !== String(line)) continue;
      this.kept.delete(element);
      element.classList.remove("is-kept");
      return element;
    }
    return undefined;
  }

  #mark(element) {
    const isHeld = holds(this.anchor, Number(element.dataset.step), Number(element.dataset.line ?? NaN));
    element.classList.toggle("is-linked", isHeld);
  }

  // The rows are moved, not the box: the row at the upper edge stands where the position says.
  #align(top = this.pane.scrollTop) {
    const row = Math.min(Math.floor(this.position), this.rows.count - 1);
    const edge = this.drawn.get(row);
    if (!edge) return;
    let offset = (this.position - this.firstDrawn) * this.rowHeight;
    if (this.isWrapped) {
      this.last = endPosition(this.drawn, this.rows.count, this.viewport) ?? this.last;
      offset = edge.offsetTop + (this.position - row) * edge.offsetHeight;
    }
    this.list.style.transform = `translateY(${top - offset}px)`;
  }

  #bottomOf(row) {
    return bottomOf(this.drawn.get(row), this.pane);
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
