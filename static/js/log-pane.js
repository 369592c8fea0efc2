// What happens in the log pane: folding, permalinks, going to a line, and the news of a running build.

import { parseAnchor } from "./log-anchor.js";
import { addCopying } from "./log-copy.js";
import { LogFind } from "./log-find.js";
import { LogFollow } from "./log-follow.js";
import { addKeys } from "./log-keys.js";
import { LogLines } from "./log-lines.js";
import { LogRows } from "./log-rows.js";
import { LogSpoken } from "./log-spoken.js";
import { sayTime } from "./log-times.js";
import { addTools } from "./log-tools.js";
import { LogView } from "./log-view.js";

const CONTEXT_ROWS = 4; // rows above a line that one goes to
const NOTICE_MS = 8000;

export class LogPane {
  /** `root` is [data-log]; `steps()` → what the page knows of the steps; `onStep(index)`: this one is shown now. */
  constructor(root, steps, onStep) {
    Object.assign(this, { root, steps, onStep });
    this.pane = root.querySelector("[data-log-pane]");
    this.rows = new LogRows();
    this.lines = new LogLines((step, from, count) => this.read(step, from, count), (step, answer) => this.#readDone(step, answer));
    this.extra = new Set(); // steps without lines that the reader asked for
    this.timesMode = "off";
    this.began = root.dataset.began ? Number(root.dataset.began) : undefined;
    this.untimed = new Set(); // steps whose log does not say when its lines were printed
    this.spoken = new LogSpoken(root.querySelector("[data-log-spoken]"));
    this.#list();
    root.querySelector("[data-log-static]")?.remove();
    root.classList.add("is-alive");
    this.resized();
    this.view = new LogView(this.pane, this.rows, this.lines, {
      onMove: (isUp) => this.following.moved(isUp),
      onPlace: () => this.view && this.#placed(),
      timeOf: (step, line) => this.#timeOf(step, line),
    });
    this.following = new LogFollow(this);
    this.find = new LogFind(this);
    this.#listen();
    addKeys(this, addTools(this));
    addCopying(this);
    this.#start();
  }

  // --- where to begin ------------------------------------------------------------------------------------------------

  #start() {
    if (this.#goToAddress()) return;
    const chosen = Number(this.root.dataset.chosen || NaN);
    if (this.rows.step(chosen)) this.rows.setOpen(chosen, true);
    this.following.step = chosen;
    this.view.changed();
    if (this.isLive) this.follow();
    else if ("failed" in this.root.dataset) this.view.showEnd(this.rows.endOf(chosen));
    else if (this.rows.step(chosen)) this.view.showRow(this.rows.rowOf(chosen));
  }

  #goToAddress() {
    const { marked, chosen } = this.root.dataset;
    // `?line=` is the address for browsers without scripts; a hash says more.
    const hash = location.hash || (marked ? `#s${chosen}-l${marked.replace("-", "-l")}` : "");
    const anchor = parseAnchor(hash);
    if (!anchor || !this.rows.step(anchor.step)) return false;
    this.mark(anchor.from === null ? "" : hash, { isTold: false });
    this.rows.setOpen(anchor.step, true);
    this.unfollow();
    this.view.changed();
    this.view.showRow(this.rows.rowOf(anchor.step, anchor.from), anchor.from === null ? 0 : CONTEXT_ROWS);
    return true;
  }

  /** Another attempt begins: its log is another one. */
  restart(attempt) {
    for (const name of ["linesUrl", "searchUrl", "errorUrl", "rawUrl"]) {
      const url = new URL(this.root.dataset[name], location.href);
      url.searchParams.set("attempt", attempt);
      this.root.dataset[name] = url.pathname + url.search;
    }
    this.lines.clear();
    this.rows = new LogRows();
    this.view.restart(this.rows);
    this.mark("", { isTold: false });
    this.extra.clear();
    this.untimed.clear();
    this.began = undefined;
    this.find.close();
    this.following.restart();
  }

  knows(step) {
    return this.rows.step(step) !== undefined;
  }

  // --- news ----------------------------------------------------------------------------------------------------------

  /** The steps list of the page is new. */
  refreshed() {
    this.#list();
    this.stepTold = undefined; // the list beside the log was drawn anew
    this.resized();
    if (this.following.isFinishing && !this.isLive) this.following.finish();
    this.#changed();
  }

  // Steps that have nothing to say (cached ones, BuildKit's own) stay in the list beside the log.
  #list() {
    const listed = ({ index, state, lines, cached, internal }) =>
      lines > 0 || ["running", "failed"].includes(state) || this.extra.has(index) ||
      (state !== "pending" && !cached && !internal);
    const steps = this.steps();
    this.rows.update(steps.filter(listed));
    this.began ??= steps.reduce((first, { began }) => (began < (first ?? Infinity) ? began : first), undefined);
    this.root.querySelector("[data-log-empty]").hidden = this.rows.count > 0;
  }

  /** Lines of a step, as they were printed; `times` are marks [[line, ms], …]. */
  take(step, first, lines, times) {
    this.lines.put(step, first, lines, times);
    const added = this.rows.grow(step, first + lines.length);
    if (added && this.isFollowing) this.spoken.add(lines.slice(-added));
    this.#grown(step, added);
  }

  grow(step, lines) {
    this.#grown(step, this.rows.grow(step, lines));
  }

  partial(step, line, text) {
    this.rows.setPartial(step, line, text);
    this.#changed();
  }

  progress(index, text) {
    const step = this.rows.step(index);
    if (step) step.progress = text;
    this.#changed();
  }

  ended() {
    this.following.over();
  }

  #grown(step, added) {
    this.following.grown(step, added);
    if (added) this.find.grown();
    this.#changed();
  }

  // Many messages may come between two frames: the pane is drawn once.
  #changed() {
    if (this.scheduled) return;
    this.scheduled = true;
    const draw = () => {
      this.scheduled = false;
      this.view.changed();
      this.settle();
      this.following.say();
      this.find.arrived();
    };
    if (document.hidden) setTimeout(draw, 250);
    else requestAnimationFrame(draw);
  }

  // --- follow --------------------------------------------------------------------------------------------------------

  get isFollowing() {
    return this.following.isOn;
  }

  get isLive() {
    return "live" in this.root.dataset;
  }

  follow() {
    this.following.begin();
  }

  unfollow() {
    this.following.end();
  }

  /** Lines changed their heights: go on to show the end, if that is what is shown. */
  settle() {
    if (this.isFollowing) this.following.toEnd();
  }

  // --- where the reader is -------------------------------------------------------------------------------------------

  // Which step the lines at the upper edge belong to, while its heading is out of sight.
  #placed() {
    const row = Math.floor(this.view.position);
    const place = this.rows.count ? this.rows.at(Math.min(row, this.rows.count - 1)) : null;
    const shown = this.stepShown();
    if (shown !== this.stepTold) this.onStep((this.stepTold = shown));
    this.find?.drawn();
    const text = place && row > this.rows.rowOf(place.step.index) ? place.step.name : "";
    const element = this.root.querySelector("[data-log-where]");
    if (element.textContent === text && element.hidden === !text) return;
    element.textContent = text;
    element.hidden = !text;
    element.dataset.step = place?.step.index ?? "";
  }

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

  // --- what the reader does ------------------------------------------------------------------------------------------

  /** Open a step and go to its heading. */
  show(index) {
    this.extra.add(index);
    this.#list();
    if (!this.rows.step(index)) return;
    this.#keep(index, true);
    this.unfollow();
    this.view.changed();
    this.view.showRow(this.rows.rowOf(index));
    this.root.scrollIntoView({ block: "nearest" });
  }

  /** Have a line in sight. */
  goTo(step, line) {
    if (!this.rows.step(step)) {
      this.extra.add(step);
      this.#list();
    }
    if (!this.rows.step(step)) return;
    if (!this.rows.isOpen(step)) this.#keep(step, true);
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

  #keep(index, isOpen) {
    if (isOpen) this.following.keptOpen.add(index);
    else this.following.keptOpen.delete(index);
    this.rows.setOpen(index, isOpen);
  }

  #listen() {
    this.pane.addEventListener("click", (event) => {
      const row = event.target.closest("[data-step]");
      if (!row) return;
      const step = Number(row.dataset.step);
      if (event.target.closest(".log-fold-button")) {
        this.#keep(step, !this.rows.isOpen(step));
        this.view.changed();
      } else if (event.target.closest(".log-number")) {
        event.preventDefault();
        this.unfollow();
        this.mark(this.view.anchorTo(step, Number(row.dataset.line), event.shiftKey));
      }
    });
    this.pane.addEventListener("keydown", (event) => {
      if (["ArrowUp", "PageUp", "Home"].includes(event.key)) this.following.moved(true);
    });
    this.pane.addEventListener("touchmove", () => this.following.moved(true), { passive: true });
    window.addEventListener("hashchange", () => this.#goToAddress());
    this.root.querySelector("[data-log-where]").addEventListener("click", (event) => this.show(Number(event.target.dataset.step)));
    const rawStep = this.root.querySelector("[data-log-raw-step]");
    rawStep.addEventListener("click", () => this.#nameRawStep(rawStep));
    window.addEventListener("resize", () => this.resized());
  }

  #nameRawStep(link) {
    const step = this.stepShown();
    if (step === null) return;
    const url = new URL(this.root.dataset.rawUrl, location.href);
    url.searchParams.set("step", step);
    link.href = url.href;
  }

  /** The pane ends where the window ends, so that its last line is in the first screenful. */
  resized() {
    const top = this.root.getBoundingClientRect().top + window.scrollY;
    document.documentElement.style.setProperty("--log-top", `${Math.round(top)}px`);
  }

  tool(name) {
    return this.root.querySelector(`[data-log-tool="${name}"]`);
  }

  // --- times ---------------------------------------------------------------------------------------------------------

  #timeOf(step, line) {
    if (this.timesMode === "off") return "";
    return sayTime(this.lines.time(step.index, line), this.timesMode, this.timesMode === "step" ? step.began : this.began);
  }

  /** Where times are wanted that nobody kept, say so. */
  checkTimes() {
    if (this.timesMode === "off" || !this.untimed.size) return;
    this.notice("When these lines were printed is not known: their log is older than the keeping of times.");
  }

  // --- lines by range ------------------------------------------------------------------------------------------------

  /** → {first_line, lines, total, times} */
  async read(step, from, count) {
    const url = new URL(this.root.dataset.linesUrl, location.href);
    url.searchParams.set("step", step);
    url.searchParams.set("from", from);
    url.searchParams.set("lines", count);
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`lines: ${answer.status}`);
    return answer.json();
  }

  #readDone(step, { total, lines, times }) {
    if (lines.length && !times?.length && !this.untimed.has(step)) {
      this.untimed.add(step);
      this.checkTimes();
    }
    this.rows.grow(step, total);
    this.#changed();
  }
}
