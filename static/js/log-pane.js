// What happens in the log pane: follow mode, folding, permalinks, the tools above it, and the news of a running build.

import { parseAnchor } from "./log-anchor.js";
import { LogLines } from "./log-lines.js";
import { LogRows } from "./log-rows.js";
import { addTools } from "./log-tools.js";
import { LogView } from "./log-view.js";

const CONTEXT_ROWS = 4; // rows above a linked line

export class LogPane {
  /** `root` is [data-log]; `steps()` → what the page knows of the steps; `onStep(index)`: this one is shown now. */
  constructor(root, steps, onStep) {
    Object.assign(this, { root, steps, onStep });
    this.pane = root.querySelector("[data-log-pane]");
    this.rows = new LogRows();
    this.lines = new LogLines((step, from, count) => this.#read(step, from, count), (step, total) => this.#readDone(step, total));
    this.isFollowing = false;
    this.unseen = 0;
    this.extra = new Set(); // steps without lines that the reader asked for
    this.#list();
    root.querySelector("[data-log-static]")?.remove();
    root.classList.add("is-alive");
    this.#fit();
    this.view = new LogView(this.pane, this.rows, this.lines, {
      onMove: (isUp) => this.#moved(isUp),
      onPlace: () => this.view && this.#where(),
    });
    this.#listen();
    addTools(this);
    this.#start();
  }

  // --- where to begin ------------------------------------------------------------------------------------------------

  #start() {
    if (this.#goToAddress()) return;
    const chosen = Number(this.root.dataset.chosen || NaN);
    if (this.rows.step(chosen)) this.rows.setOpen(chosen, true);
    this.followed = chosen;
    this.view.changed();
    if (this.isLive) this.follow();
    else if ("failed" in this.root.dataset) this.view.showEnd(this.rows.endOf(chosen));
    else if (this.rows.step(chosen)) this.view.showRow(this.rows.rowOf(chosen));
  }

  #goToAddress() {
    const anchor = parseAnchor(location.hash);
    if (!anchor || !this.rows.step(anchor.step)) return false;
    this.rows.setOpen(anchor.step, true);
    this.unfollow();
    this.view.changed();
    this.view.setAnchor(anchor);
    this.view.showRow(this.rows.rowOf(anchor.step, anchor.from), anchor.from === null ? 0 : CONTEXT_ROWS);
    return true;
  }

  /** Another attempt begins: its log is another one. */
  restart(attempt) {
    const url = new URL(this.root.dataset.linesUrl, location.href);
    url.searchParams.set("attempt", attempt);
    this.root.dataset.linesUrl = url.pathname + url.search;
    this.lines.clear();
    this.rows = new LogRows();
    this.view.restart(this.rows);
    this.followed = undefined;
    this.extra.clear();
    this.keptOpen?.clear();
    this.follow();
  }

  knows(step) {
    return this.rows.step(step) !== undefined;
  }

  // --- news ----------------------------------------------------------------------------------------------------------

  /** The steps list of the page is new. */
  refreshed() {
    this.#list();
    this.#fit();
    if (this.isFinishing && !(this.isLive)) this.#finish();
    this.#changed();
  }

  // Steps that have nothing to say (cached ones, BuildKit's own) stay in the list beside the log.
  #list() {
    const listed = ({ index, state, lines, cached, internal }) =>
      lines > 0 || ["running", "failed"].includes(state) || this.extra.has(index) ||
      (state !== "pending" && !cached && !internal);
    this.rows.update(this.steps().filter(listed));
    this.root.querySelector("[data-log-empty]").hidden = this.rows.count > 0;
  }

  /** Lines of a step, as they were printed. */
  take(step, first, lines) {
    this.lines.put(step, first, lines);
    this.#grown(step, this.rows.grow(step, first + lines.length));
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
    this.isFinishing = this.isFollowing;
    this.unfollow();
  }

  // Who followed to the end sees what it ended with: the failing step, else the last that spoke.
  #finish() {
    this.isFinishing = false;
    const failing = document.querySelector("#build-header [data-step-link]")?.dataset.stepLink;
    const spoke = this.rows.steps.filter((step) => step.lines > 0 && !step.internal);
    const last = this.rows.step(Number(failing ?? NaN)) ?? spoke.at(-1);
    if (!last) return;
    const followed = this.rows.step(this.followed);
    if (followed && followed !== last && !this.keptOpen?.has(followed.index)) this.rows.setOpen(followed.index, false);
    this.rows.setOpen(last.index, true);
    this.view.changed();
    this.view.showEnd(this.rows.endOf(last.index));
  }

  #grown(step, added) {
    if (!this.isFollowing && this.rows.isOpen(step)) this.unseen += added;
    this.#changed();
  }

  // Many messages may come between two frames: the pane is drawn once.
  #changed() {
    if (this.scheduled) return;
    this.scheduled = true;
    const draw = () => {
      this.scheduled = false;
      this.view.changed();
      if (this.isFollowing) this.#toFollowed();
      this.#say();
    };
    if (document.hidden) setTimeout(draw, 250);
    else requestAnimationFrame(draw);
  }

  // --- follow --------------------------------------------------------------------------------------------------------

  follow() {
    this.isFollowing = true;
    this.unseen = 0;
    this.#toFollowed();
    this.#say();
  }

  /** Lines changed their heights: go on to show the end, if that is what is shown. */
  settle() {
    if (this.isFollowing) this.#toFollowed();
  }

  unfollow() {
    this.isFollowing = false;
    this.#say();
  }

  // The newest step that runs is followed; the one before is folded away, unless the reader opened it.
  #toFollowed() {
    const running = this.rows.steps.filter((step) => step.state === "running" && !step.internal);
    const target = running.find((step) => step.index === this.followed) ?? running.at(-1);
    if (target && target.index !== this.followed) {
      if (this.rows.step(this.followed) && !this.keptOpen?.has(this.followed)) this.rows.setOpen(this.followed, false);
      this.followed = target.index;
      this.rows.setOpen(target.index, true);
      this.view.changed();
    }
    const row = this.rows.endOf(this.followed);
    this.view.showEnd(row < 0 ? this.rows.count - 1 : row);
  }

  // Which step the lines at the upper edge belong to, while its heading is out of sight.
  #where() {
    const row = Math.floor(this.view.position);
    const place = this.rows.count ? this.rows.at(Math.min(row, this.rows.count - 1)) : null;
    const below = place && this.rows.steps.slice(this.rows.steps.indexOf(place.step));
    this.onStep(below?.find((step) => this.rows.isOpen(step.index))?.index ?? null);
    const text = place && row > this.rows.rowOf(place.step.index) ? place.step.name : "";
    const element = this.root.querySelector("[data-log-where]");
    if (element.textContent === text && element.hidden === !text) return;
    element.textContent = text;
    element.hidden = !text;
    element.dataset.step = place?.step.index ?? "";
  }

  #moved(isUp) {
    if (isUp && this.isFollowing) this.unfollow();
    else if (!isUp && !this.isFollowing && this.isLive) {
      if (this.view.isAtEnd(this.rows.endOf(this.followed))) this.follow();
    }
  }

  #say() {
    const button = this.#tool("follow");
    if (!button) return;
    button.hidden = this.isFollowing || !(this.isLive);
    const lines = this.unseen.toLocaleString("en-US");
    const text = this.unseen ? `${lines} new ${this.unseen === 1 ? "line" : "lines"}` : "Follow";
    if (button.lastChild.textContent !== text) button.lastChild.textContent = text;
  }

  get isLive() {
    return "live" in this.root.dataset;
  }

  // --- what the reader does ------------------------------------------------------------------------------------------

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

  #keep(index, isOpen) {
    this.keptOpen ??= new Set();
    if (isOpen) this.keptOpen.add(index);
    else this.keptOpen.delete(index);
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
        this.#link(this.view.anchorTo(step, Number(row.dataset.line), event.shiftKey));
      }
    });
    this.pane.addEventListener("keydown", (event) => {
      if (["ArrowUp", "PageUp", "Home"].includes(event.key)) this.#moved(true);
    });
    this.pane.addEventListener("touchmove", () => this.#moved(true), { passive: true });
    window.addEventListener("hashchange", () => this.#goToAddress());
    this.root.querySelector("[data-log-where]").addEventListener("click", (event) => this.show(Number(event.target.dataset.step)));
    this.#tool("follow")?.addEventListener("click", () => this.follow());
    window.addEventListener("resize", () => this.#fit());
  }

  #link(hash) {
    history.replaceState(null, "", hash);
    this.unfollow();
    this.view.setAnchor(parseAnchor(hash));
    this.#tool("link").hidden = false;
  }

  // The pane ends where the window ends, so that its last line is in the first screenful.
  #fit() {
    const top = this.root.getBoundingClientRect().top + window.scrollY;
    document.documentElement.style.setProperty("--log-top", `${Math.round(top)}px`);
  }

  #tool(name) {
    return this.root.querySelector(`[data-log-tool="${name}"]`);
  }

  // --- lines by range ------------------------------------------------------------------------------------------------

  async #read(step, from, count) {
    const url = new URL(this.root.dataset.linesUrl, location.href);
    url.searchParams.set("step", step);
    url.searchParams.set("from", from);
    url.searchParams.set("lines", count);
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`lines: ${answer.status}`);
    return answer.json();
  }

  #readDone(step, total) {
    this.rows.grow(step, total);
    this.#changed();
  }
}
