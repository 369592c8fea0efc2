// What happens in the log pane: folding, permalinks, going to a line, and the news of a running build.

import { parseAnchor } from "./log-anchor.js";
import { addCopying } from "./log-copy.js";
import { LogFind } from "./log-find.js";
import { LogFollow } from "./log-follow.js";
import { addKeys } from "./log-keys.js";
import { LogLines } from "./log-lines.js";
import { CONTEXT_ROWS, LogPlaces } from "./log-places.js";
import { LogRows } from "./log-rows.js";
import { LogSpoken } from "./log-spoken.js";
import { sayTime } from "./log-times.js";
import { addTools } from "./log-tools.js";
import { LogView } from "./log-view.js";

export class LogPane extends LogPlaces {
  /** `root` is [data-log]; `steps()` → what the page knows of the steps; `onStep(index)`: this one is shown now. */
  constructor(root, steps, onStep) {
    super();
    Object.assign(this, { root, steps, onStep });
    this.pane = root.querySelector("[data-log-pane]");
    this.rows = new LogRows();
    this.lines = new LogLines((step, from, count) => this.read(step, from, count), (step, answer) => this.#readDone(step, answer));
    this.extra = new Set(); // steps without lines that the reader asked for
    this.timesMode = "off";
    this.began = root.dataset.began ? Number(root.dataset.began) : undefined;
    this.untimed = new Set(); // steps whose log does not say when its lines were printed
    this.spoken = new LogSpoken(root.querySelector("[data-log-spoken]"));
    this.list();
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
    this.list();
    this.stepTold = undefined; // the list beside the log was drawn anew
    this.resized();
    if (this.following.isFinishing && !this.isLive) this.following.finish();
    this.#changed();
  }

  // Steps that have nothing to say (cached ones, BuildKit's own) stay in the list beside the log.
  list() {
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

  // --- what the reader does ------------------------------------------------------------------------------------------

  #listen() {
    this.pane.addEventListener("click", (event) => {
      const row = event.target.closest("[data-step]");
      if (!row) return;
      const step = Number(row.dataset.step);
      if (event.target.closest(".log-fold-button")) {
        this.keep(step, !this.rows.isOpen(step));
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
