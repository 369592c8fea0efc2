// What a screen reader hears of new lines: politely, while they are followed, and never more than it can read out.

import { plainText } from "./log-lines.js";

const EVERY_MS = 4000;
const MOST_LINES = 3;
const MOST_CHARACTERS = 300;
const KEPT = 10; // paragraphs; what was said stays a little, to be read again

export class LogSpoken {
  constructor(element) {
    Object.assign(this, { element, count: 0, last: [], timer: null });
  }

  add(lines) {
    this.count += lines.length;
    this.last = [...this.last, ...lines].slice(-MOST_LINES);
    this.timer ??= setTimeout(() => this.#say(), EVERY_MS);
  }

  #say() {
    this.timer = null;
    const text = said(this.count, this.last.map(plainText));
    Object.assign(this, { count: 0, last: [] });
    if (!text) return;
    const paragraph = document.createElement("p");
    paragraph.textContent = text;
    this.element.append(paragraph);
    while (this.element.children.length > KEPT) this.element.firstChild.remove();
  }
}

/** Pure: the lines themselves where they are few, else how many and the last. */
export function said(count, last) {
  const lines = last.map((line) => line.trim().slice(0, MOST_CHARACTERS)).filter(Boolean);
  if (count <= MOST_LINES) return lines.join("\n");
  const newest = lines.at(-1);
  return `${count.toLocaleString("en-US")} new lines${newest ? `, the last: ${newest}` : ""}`;
}
