// The server-rendered parts of the build page (header, steps): fetched anew when there is news, swapped where they differ.

const REST_MS = 300;
const POLL_MS = 4000;

export class BuildParts {
  /** `onChange()` after parts were swapped. */
  constructor(url, onChange) {
    Object.assign(this, { url, onChange, isBusy: false, isAsked: false });
  }

  /** There is news. Many calls in a moment are one request. */
  ask() {
    this.isAsked = true;
    clearTimeout(this.timer);
    if (!this.isBusy) this.timer = setTimeout(() => this.#refresh(), REST_MS);
  }

  /** While there is no connection the page looks by itself. */
  poll(isOn) {
    clearInterval(this.polling);
    if (isOn) this.polling = setInterval(() => document.hidden || this.ask(), POLL_MS);
  }

  async #refresh() {
    this.isBusy = true;
    this.isAsked = false;
    try {
      const answer = await fetch(this.url, { headers: { Accept: "text/html" } });
      if (answer.ok) this.#swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      // The server is away; the connection comes back and asks again.
    }
    this.isBusy = false;
    if (this.isAsked) this.ask();
  }

  #swap(fresh) {
    for (const part of fresh.querySelectorAll("[data-build-part]")) {
      const old = document.getElementById(part.id);
      if (!old || old.outerHTML === part.outerHTML) continue;
      // What the reader opened stays open, what has the focus keeps it.
      for (const details of old.querySelectorAll("details[id]")) {
        const twin = part.querySelector(`#${CSS.escape(details.id)}`);
        if (twin) twin.open = details.open;
      }
      const twin = old.contains(document.activeElement) && twinOf(document.activeElement, old, part);
      old.replaceWith(document.adoptNode(part));
      if (twin) twin.focus({ preventScroll: true });
    }
    const title = document.querySelector("[data-page-title]")?.dataset.pageTitle;
    const tab = document.querySelector("[data-tab-title]")?.dataset.tabTitle ?? "";
    if (title) document.title = tab + title;
    this.onChange();
  }
}

const PRESSED = "a[href], button, input, select, textarea, summary, [tabindex]";

// What `one` of the old part is in the fresh one: by its id, else in its turn among those with the same name and place.
function twinOf(one, old, fresh) {
  if (one.id) return fresh.querySelector(`#${CSS.escape(one.id)}`);
  const alike = (root) => [...root.querySelectorAll(PRESSED)].filter((other) => nameOf(other) === nameOf(one));
  return alike(fresh)[alike(old).indexOf(one)];
}

function nameOf(one) {
  const name = one.getAttribute("href") ?? one.getAttribute("name") ?? one.getAttribute("aria-label") ?? "";
  return `${one.localName} ${one.closest("[id]").id} ${name}`;
}
