// The timeline of a running build: bars grow with the clock, news fetches the picture anew, bytes come as they move.

import { BuildParts } from "./build-parts.js";
import "./grow.js";
import { LogSocket } from "./log-socket.js";

class LiveTimeline {
  constructor(root) {
    this.moved = new Map();
    this.parts = new BuildParts(root.dataset.timelineUrl, () => this.#swapped());
    this.#swapped();
    this.socket = new LogSocket(root.dataset.socket, {
      onMessage: (message) => this.#take(message),
      onState: (state) => this.parts.poll(state === "lost" || state === "refused"),
    });
    this.socket.open();
  }

  #take({ type, step, text }) {
    if (type === "progress") this.#move(step, text);
    else if (type === "snapshot" || type === "step" || type === "state" || type === "end") this.parts.ask();
  }

  // The newest word of a transfer; the rows of the database have it when the step ends.
  #move(step, text) {
    this.moved.set(String(step), text);
    this.#write(String(step), text);
  }

  #write(step, text) {
    const note = document.querySelector(`[data-moved="${CSS.escape(step)}"]`);
    if (note?.closest(".is-running") && note.textContent !== text) note.textContent = text;
  }

  #swapped() {
    const root = document.getElementById("timeline");
    // The right end is reached: a new picture has room again.
    root.addEventListener("full", () => this.parts.ask(), { once: true });
    for (const [step, text] of this.moved) this.#write(step, text);
    if (!("live" in root.dataset)) this.parts.poll(false);
  }
}

const root = document.getElementById("timeline");
if (root && "live" in root.dataset) new LiveTimeline(root);
else if (root && document.getElementById("build-header")?.dataset.active !== undefined) {
  // It waits for a worker: look now and then, and be alive from the first step on.
  const parts = new BuildParts(root.dataset.timelineUrl, () => {
    const found = document.getElementById("timeline");
    if (!("live" in found.dataset)) return;
    parts.poll(false);
    new LiveTimeline(found);
  });
  parts.poll(true);
}
