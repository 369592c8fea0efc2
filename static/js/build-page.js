// The build page: joins the live connection, the server-rendered parts and the log pane.

import { BuildParts } from "./build-parts.js";
import { sayDuration } from "./clock.js";
import { LogPane } from "./log-pane.js";
import { LogSocket } from "./log-socket.js";

const SILENT_AFTER_S = 10;
const WORDS = {
  connecting: "Connecting…",
  open: "",
  lost: "Connection lost; trying again…",
  ended: "",
  refused: "The live connection was refused; reload the page.",
};

function stepsOfPage() {
  return [...document.querySelectorAll("#build-steps [data-step]")]
    .map(({ dataset }) => ({
      index: Number(dataset.step),
      name: dataset.name,
      state: dataset.state,
      cached: "cached" in dataset,
      internal: "internal" in dataset,
      lines: Number(dataset.lines),
      time: dataset.time,
      began: dataset.began ? Number(dataset.began) * 1000 : undefined,
    }))
    .sort((a, b) => a.index - b.index);
}

class BuildPage {
  constructor(root) {
    this.root = root;
    this.attempt = root.dataset.attempt;
    const silent = Number(root.dataset.silent ?? NaN); // seconds since the newest line, when the page was made
    this.hasHeard = !Number.isNaN(silent);
    this.lastOutput = performance.now() - (this.hasHeard ? silent * 1000 : 0);
    this.pane = new LogPane(root, stepsOfPage, (step) => this.#mark(step));
    this.parts = new BuildParts(fragmentUrl(), () => this.#swapped());
    document.addEventListener("click", (event) => this.#choose(event));
    if (!("live" in root.dataset)) return;
    this.socket = new LogSocket(root.dataset.socket, {
      onMessage: (message) => this.#take(message),
      onState: (state) => this.#say(state),
    });
    this.socket.open();
    this.ticking = setInterval(() => this.#sayInSilence(), 1000);
  }

  #choose(event) {
    const link = event.target.closest("#build-steps a[data-step-link], #failure a[data-step-link]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.pane.show(Number(link.dataset.stepLink));
  }

  // The step that the pane shows, in the list beside it.
  #mark(step) {
    for (const element of document.querySelectorAll("#build-steps [data-step]")) {
      element.classList.toggle("is-chosen", Number(element.dataset.step) === step);
    }
  }

  #swapped() {
    this.#attempt(document.getElementById("build-header").dataset.buildAttempt);
    this.pane.refreshed();
  }

  // Another attempt has another log. A reader of an earlier one stays with it.
  #attempt(latest) {
    if (!("live" in this.root.dataset) || !latest || String(latest) === this.attempt) return;
    this.attempt = String(latest);
    this.pane.restart(this.attempt);
  }

  #take(message) {
    const { type, step } = message;
    if (type === "snapshot") this.#snapshot(message);
    else if (type === "log") this.#log(message);
    else if (type === "more") this.pane.grow(step, message.lines);
    else if (type === "partial") this.pane.partial(step, message.line, message.text);
    else if (type === "progress") this.pane.progress(step, message.text ?? "");
    else if (type === "step" || type === "state") this.parts.ask();
    else if (type === "end") this.#end(message);
  }

  #snapshot({ attempt, steps = [] }) {
    this.#attempt(attempt);
    this.parts.ask();
    for (const step of steps) {
      this.pane.grow(step.index, step.lines);
      if (step.tail) this.pane.take(step.index, step.tail.first_line, step.tail.lines, step.tail.times);
    }
  }

  #log({ step, first_line: first, lines, times, truncated }) {
    this.lastOutput = performance.now();
    this.hasHeard = true;
    if (!this.pane.knows(step)) this.parts.ask();
    // A line that was too long for a message is read by range, where the server folds it.
    if (truncated) this.pane.grow(step, first + lines.length);
    else this.pane.take(step, first, lines, times);
  }

  #end({ steps = [] }) {
    for (const { index, lines } of steps) this.pane.grow(index, lines);
    delete this.root.dataset.live;
    clearInterval(this.ticking);
    this.#tell("silence", "");
    this.pane.ended();
    this.parts.ask();
  }

  #say(state) {
    this.parts.poll(state === "lost" || state === "refused");
    this.#tell("connection", WORDS[state]);
  }

  #sayInSilence() {
    const silent = (performance.now() - this.lastOutput) / 1000;
    const runs = document.querySelector('#build-steps [data-state="running"]');
    const said = this.hasHeard ? `last output ${sayDuration(silent)} ago` : `no output for ${sayDuration(silent)}`;
    this.#tell("silence", runs && silent >= SILENT_AFTER_S ? said : "");
  }

  #tell(what, text) {
    const element = this.root.querySelector(`[data-log-${what}]`);
    if (element && element.textContent !== text) element.textContent = text;
  }
}

const fragmentUrl = () => document.getElementById("build-header").dataset.fragmentUrl;
const isActive = () => "active" in document.getElementById("build-header").dataset;

const root = document.querySelector("[data-log]");
if (root) new BuildPage(root);
else if (isActive()) {
  // The tab without a log needs no live connection: its header looks by itself.
  const parts = new BuildParts(fragmentUrl(), () => isActive() || parts.poll(false));
  parts.poll(true);
}
