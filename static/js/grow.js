// Bars of running steps: [data-grows] holds the second at which one began, [data-span] around it the seconds of the axis.

const GROW_MS = 250;
const GROW_CALMLY_MS = 1000;
const LEAST = 0.3; // percent
const seenAt = new WeakMap();

function grow() {
  const now = performance.now();
  for (const bar of document.querySelectorAll("[data-grows]")) {
    if (!seenAt.has(bar)) seenAt.set(bar, now);
    const axis = bar.closest("[data-span]");
    const span = Number(axis.dataset.span);
    const elapsed = Number(axis.dataset.elapsed ?? span) + (now - seenAt.get(bar)) / 1000;
    const begin = Number(bar.dataset.grows);
    const width = ((elapsed - begin) / span) * 100;
    const room = 100 - Math.min((begin / span) * 100, 100 - LEAST);
    const scaled = bar.closest("[data-rescales]");
    bar.style.width = `${Math.max(scaled ? width : Math.min(width, room), LEAST).toFixed(3)}%`;
    if (elapsed <= span) continue;
    if (scaled) scaled.style.setProperty("--grown", (span / elapsed).toFixed(4));
    else axis.dispatchEvent(new CustomEvent("full"));
  }
}

if (typeof document !== "undefined") {
  setInterval(grow, matchMedia("(prefers-reduced-motion: reduce)").matches ? GROW_CALMLY_MS : GROW_MS);
}
