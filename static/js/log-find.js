// The search of the log pane: asks the server, which reads the whole log, and goes from match to match.

import { Matches, MOST } from "./log-matches.js";
import { paint } from "./log-paint.js";

const TYPING_MS = 250;
const GROWN_MS = 2000; // how often new lines of a running build are looked through

export class LogFind {
  /** `pane` is a LogPane. */
  constructor(pane) {
    this.pane = pane;
    this.form = pane.root.querySelector("[data-log-find]");
    this.opener = pane.root.querySelector('[data-log-tool="find"]');
    this.text = this.form.querySelector("input");
    this.says = this.form.querySelector("[data-log-find-says]");
    this.matches = new Matches();
    this.answer = null;
    this.#listen();
  }

  get isOpen() {
    return !this.form.hidden;
  }

  open() {
    this.form.hidden = false;
    this.opener.setAttribute("aria-expanded", "true");
    const chosen = String(document.getSelection() ?? "").trim();
    if (chosen && chosen.length < 100 && !chosen.includes("\n")) this.text.value = chosen;
    this.text.focus();
    this.text.select();
    this.pane.resized();
    if (this.text.value && this.text.value !== this.asked?.q) this.search();
  }

  close() {
    if (!this.isOpen) return;
    this.form.hidden = true;
    this.opener.setAttribute("aria-expanded", "false");
    this.#forget();
    this.pane.pane.focus({ preventScroll: true });
    this.pane.resized();
  }

  /** Next (1) or previous (-1) line that matches. */
  async go(by) {
    if (!this.isOpen) return this.open();
    if (!this.#isAsked()) return this.search();
    const atEnd = by > 0 && this.matches.at === this.matches.count - 1;
    // What is not searched yet comes before going round to the first one.
    if (atEnd && this.answer?.next && !this.isBusy) await this.#read(this.matches.count + 1);
    const { match, isRound } = this.matches.go(by);
    this.#show(match);
    if (isRound && match) this.pane.notice(by > 0 ? "On from the first line that matches." : "On from the last line that matches.");
  }

  /** Begin anew with what stands in the form. */
  async search() {
    clearTimeout(this.timer);
    this.#forget();
    const q = this.text.value;
    if (!q) return;
    this.asked = this.#wanted();
    this.from = this.pane.placeAtTop();
    await this.#read(MOST);
  }

  /** New lines came. */
  grown() {
    if (!this.answer || this.answer.next || this.isBusy || this.later) return;
    this.later = setTimeout(() => {
      this.later = null;
      if (this.asked && this.answer && !this.isBusy) this.#readGrown();
    }, GROWN_MS);
  }

  /** Rows were drawn. */
  drawn() {
    const { matches } = this;
    if (!matches.count && !this.isPainted) return [];
    this.isPainted = matches.count > 0;
    return paint(this.pane.view.drawn.values(), (step, line) => matches.spansOf(step, line), matches.here);
  }

  #wanted() {
    const isOn = (name) => this.form.querySelector(`[data-log-find-${name}]`).getAttribute("aria-pressed") === "true";
    const isStep = this.form.querySelector("[data-log-find-scope]").value === "step";
    const step = isStep ? this.pane.stepShown() : null;
    return { q: this.text.value, regex: isOn("regex"), case: isOn("case"), step };
  }

  #isAsked() {
    const { q, regex, case: isCase } = this.#wanted();
    return this.asked?.q === q && this.asked.regex === regex && this.asked.case === isCase;
  }

  #forget() {
    this.controller?.abort();
    clearTimeout(this.later);
    Object.assign(this, { controller: null, asked: null, answer: null, isBusy: false, later: null });
    this.matches = new Matches();
    this.#tell("");
    this.drawn();
  }

  // Answers come after a second at most, each saying where to go on.
  async #read(most) {
    const controller = (this.controller = new AbortController());
    const { asked } = this;
    this.isBusy = true;
    this.#tell("Searching…");
    this.covered = new Map(this.pane.rows.told);
    try {
      do {
        const answer = await this.#ask({ ...asked, start: this.answer?.next ?? "" }, controller.signal);
        this.answer = answer;
        this.matches.add(answer.matches);
        this.#tell(this.matches.say(answer));
        if (this.matches.at < 0 && this.matches.count) this.#show(this.matches.seek(this.from));
        else this.drawn();
      } while (this.answer.next && this.matches.count < most);
    } catch (error) {
      if (controller.signal.aborted) return;
      this.#tell(error.sentence ?? "The search did not come through; press Enter to try it again.");
      this.asked = null;
    }
    if (this.controller === controller) this.isBusy = false;
  }

  async #readGrown() {
    const controller = (this.controller = new AbortController());
    const { asked, covered } = this;
    this.isBusy = true;
    try {
      for (const [step, lines] of new Map(this.pane.rows.told)) {
        const known = covered.get(step) ?? 0;
        if (lines <= known || (asked.step !== null && asked.step !== step)) continue;
        const answer = await this.#ask({ ...asked, step, start: `${step}.${known}` }, controller.signal);
        this.matches.add(answer.matches);
        covered.set(step, answer.next ? Number(answer.next.split(".")[1]) : lines);
        this.answer.total = Math.max(this.answer.total, this.pane.rows.total);
      }
      this.#tell(this.matches.say(this.answer));
      this.drawn();
    } catch {
      // The next new lines ask again.
    }
    if (this.controller === controller) this.isBusy = false;
  }

  async #ask({ q, regex, case: isCase, step, start }, signal) {
    const url = new URL(this.pane.root.dataset.searchUrl, location.href);
    url.searchParams.set("q", q);
    if (regex) url.searchParams.set("regex", "1");
    if (isCase) url.searchParams.set("case", "1");
    if (step !== null) url.searchParams.set("step", step);
    if (start) url.searchParams.set("start", start);
    const answer = await fetch(url, { headers: { Accept: "application/json" }, signal });
    if (answer.ok) return answer.json();
    const problem = new Error(`search: ${answer.status}`);
    if ([400, 503].includes(answer.status)) problem.sentence = (await answer.json()).detail;
    throw problem;
  }

  #show(match) {
    if (!match) return;
    this.#tell(this.matches.say(this.answer));
    this.pane.goTo(match.step, match.line);
    this.isWaiting = match;
    this.arrived();
  }

  /** Lines were read: put the place within a long line into view, once the line is there. */
  arrived() {
    const [range] = this.drawn();
    if (!this.isWaiting || !range) return;
    this.isWaiting = null;
    const { pane } = this.pane;
    const [box, room] = [range.getBoundingClientRect(), pane.getBoundingClientRect()];
    const left = room.left + 120; // the numbers stay in front
    if (box.left < left) pane.scrollLeft -= left - box.left;
    else if (box.right > room.right - 24) pane.scrollLeft += Math.min(box.right - room.right + 80, box.left - left);
  }

  #tell(text) {
    if (this.says.textContent !== text) this.says.textContent = text;
  }

  #listen() {
    this.opener.addEventListener("click", () => (this.isOpen ? this.close() : this.open()));
    this.text.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.search(), TYPING_MS);
    });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.go(1);
    });
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        event.stopPropagation();
        this.close();
      } else if (event.key === "Enter" && event.shiftKey && event.target === this.text) {
        event.preventDefault();
        this.go(-1);
      }
    });
    this.form.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      if (button.dataset.logFindGo) this.go(Number(button.dataset.logFindGo));
      else if ("logFindClose" in button.dataset) this.close();
      else {
        button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
        this.search();
      }
    });
    this.form.querySelector("[data-log-find-scope]").addEventListener("change", () => this.search());
  }
}
