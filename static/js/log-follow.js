// Follow mode: the pane shows the end of the step that runs until the reader moves up, and counts what came since.

export class LogFollow {
  /** `pane` is a LogPane. */
  constructor(pane) {
    Object.assign(this, { pane, isOn: false, unseen: 0, step: undefined, isFinishing: false });
    this.keptOpen = new Set(); // steps that the reader opened stay open
    pane.tool("follow")?.addEventListener("click", () => this.begin());
  }

  begin() {
    this.isOn = true;
    this.unseen = 0;
    this.toEnd();
    this.say();
  }

  end() {
    this.isOn = false;
    this.say();
  }

  /** Another attempt has another log. */
  restart() {
    this.step = undefined;
    this.keptOpen.clear();
    this.begin();
  }

  grown(step, added) {
    if (!this.isOn && this.pane.rows.isOpen(step)) this.unseen += added;
  }

  // The newest step that runs is followed; the one before is folded away, unless the reader opened it.
  toEnd() {
    const { rows, view } = this.pane;
    const running = rows.steps.filter((step) => step.state === "running" && !step.internal);
    const target = running.find((step) => step.index === this.step) ?? running.at(-1);
    if (target && target.index !== this.step) {
      this.#fold(target.index);
      this.step = target.index;
      rows.setOpen(target.index, true);
      view.changed();
    }
    const row = rows.endOf(this.step);
    view.showEnd(row < 0 ? rows.count - 1 : row);
  }

  #fold(next) {
    const { rows } = this.pane;
    if (this.step !== next && rows.step(this.step) && !this.keptOpen.has(this.step)) rows.setOpen(this.step, false);
  }

  /** The reader moved: up ends following, down to the end begins it. */
  moved(isUp) {
    if (isUp && this.isOn) this.end();
    else if (!isUp && !this.isOn && this.pane.isLive) {
      if (this.pane.view.isAtEnd(this.pane.rows.endOf(this.step))) this.begin();
    }
  }

  /** The build is over. */
  over() {
    this.isFinishing = this.isOn;
    this.end();
  }

  // Who followed to the end sees what it ended with: the failing step, else the last that spoke.
  finish() {
    this.isFinishing = false;
    const { rows, view } = this.pane;
    const failing = document.querySelector("#build-header [data-step-link]")?.dataset.stepLink;
    const spoke = rows.steps.filter((step) => step.lines > 0 && !step.internal);
    const last = rows.step(Number(failing ?? NaN)) ?? spoke.at(-1);
    if (!last) return;
    this.#fold(last.index);
    rows.setOpen(last.index, true);
    view.changed();
    view.showEnd(rows.endOf(last.index));
  }

  say() {
    const button = this.pane.tool("follow");
    if (!button) return;
    button.hidden = this.isOn || !this.pane.isLive;
    const lines = this.unseen.toLocaleString("en-US");
    const text = this.unseen ? `${lines} new ${this.unseen === 1 ? "line" : "lines"}` : "Follow";
    if (button.lastChild.textContent !== text) button.lastChild.textContent = text;
  }
}
