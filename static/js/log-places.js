// Where the reader is in the log, and going elsewhere: to a step, a line, a mark. The base of LogPane.

import { parseAnchor } from "./log-anchor.js";

export const CONTEXT_ROWS = 4; // rows above a line that one goes to
const NOTICE_MS = 8000;

export class LogPlaces {
  /** The step at the upper edge, or the next one that is open; null where none is. */
  stepShown() {
    if (!this.rows.count) return null;
    const { step } = this.rows.at(Math.min(Math.floor(this.view.position), this.rows.count - 1));
    const below = this.rows.steps.slice(this.rows.steps.indexOf(step));
    return below.find(({ index }) => this.rows.isOpen(index))?.index ?? null;
  }

  /** {step, line} at the upper edge. */
  placeAtTop() {
    if (!this.rows.count || this.isFollowing) return { step: this.stepShown() ?? 0, line: 0 };
    const { step, line } = this.rows.at(Math.min(Math.ceil(this.view.position), this.rows.count - 1));
    return { step: step.index, line: line ?? 0 };
  }

  /** Open a step and go to its heading. */
  show(index) {
    this.extra.add(index);
    this.list();
    if (!this.rows.step(index)) return;
    this.keep(index, true);
    this.unfollow();
    this.view.changed();
    this.view.showRow(this.rows.rowOf(index));
    this.root.scrollIntoView({ block: "nearest" });
  }

  /** Have a line in sight. */
  goTo(step, line) {
    if (!this.rows.step(step)) {
      this.extra.add(step);
      this.list();
    }
    if (!this.rows.step(step)) return;
    if (!this.rows.isOpen(step)) this.keep(step, true);
    this.unfollow();
    this.view.changed();
    const row = this.rows.rowOf(step, line);
    if (!this.view.isInSight(row)) this.view.showRow(row, CONTEXT_ROWS);
  }

  toStart() {
    this.unfollow();
    this.view.showRow(0);
  }

  /** Go a row down (1) or up (-1), and put the focus on it. */
  step(by) {
    const { view, rows } = this;
    if (!rows.count) return;
    const active = document.activeElement?.closest?.(".log-rows > *");
    const here = [...view.drawn].find(([, element]) => element === active)?.[0];
    const row = here === undefined ? this.#rowToBegin() : Math.max(0, Math.min(rows.count - 1, here + by));
    if (by < 0 || !this.isFollowing) this.unfollow();
    view.reveal(row);
    const element = view.drawn.get(row);
    const target = element?.querySelector("button, .log-number");
    if (target?.matches(".log-number")) {
      target.setAttribute("aria-label", `Line ${target.textContent}: ${element.querySelector(".log-text").textContent}`);
    }
    target?.focus({ preventScroll: true });
  }

  // Where going from line to line begins: at what was found or marked, if it is in sight, else at the upper edge.
  #rowToBegin() {
    const { view, rows } = this;
    const { here } = this.find.matches;
    const places = [here, view.anchor && { step: view.anchor.step, line: view.anchor.from }].filter(Boolean);
    const found = places.map(({ step, line }) => rows.rowOf(step, line)).find((row) => view.isInSight(row));
    return found ?? Math.min(Math.ceil(view.position), rows.count - 1);
  }

  /** Mark the lines of an address (#s2-l14-l20), or none. */
  mark(hash, { isTold = true } = {}) {
    const anchor = hash ? parseAnchor(hash) : null;
    if (isTold) history.replaceState(null, "", hash || location.pathname + location.search);
    this.view.setAnchor(anchor);
    const lines = anchor ? anchor.to - anchor.from + 1 : 0;
    const row = this.root.querySelector("[data-log-marked]");
    const from = anchor ? (anchor.from + 1).toLocaleString("en-US") : "";
    const text = lines > 1 ? `Lines ${from}–${(anchor.to + 1).toLocaleString("en-US")} marked` : `Line ${from} marked`;
    row.firstElementChild.textContent = anchor ? text : "";
    if (row.hidden === !anchor) return;
    row.hidden = !anchor;
    this.resized();
  }

  /** Say something to the reader, for a while. */
  notice(text) {
    const element = this.root.querySelector("[data-log-notice]");
    element.textContent = text;
    clearTimeout(this.noticing);
    this.noticing = setTimeout(() => (element.textContent = ""), NOTICE_MS);
  }

  /** The reader opens a step or folds it; follow mode leaves it so. */
  keep(index, isOpen) {
    if (isOpen) this.following.keptOpen.add(index);
    else this.following.keptOpen.delete(index);
    this.rows.setOpen(index, isOpen);
  }
}
