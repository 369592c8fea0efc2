// Running clocks: [data-clock] holds the seconds that had passed when the server wrote the page.

const TICK_MS = 1000;
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const two = (number) => String(number).padStart(2, "0");

/** Says whole seconds as lib/humanize.py does: `12 s`, `1 m 04 s`, `2 h 05 m`, `3 d 04 h`. */
export function sayDuration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)} m ${two(whole % MINUTE)} s`;
  if (whole < DAY) return `${Math.floor(whole / HOUR)} h ${two(Math.floor((whole % HOUR) / MINUTE))} m`;
  return `${Math.floor(whole / DAY)} d ${two(Math.floor((whole % DAY) / HOUR))} h`;
}

function tick() {
  for (const clock of document.querySelectorAll("[data-clock]")) {
    // The browser's own clock may be wrong; what has passed since the page came is right.
    clock.startedAt ??= performance.now() - Number(clock.dataset.clock) * 1000;
    const text = sayDuration((performance.now() - clock.startedAt) / 1000);
    if (clock.textContent !== text) clock.textContent = text;
  }
}

if (typeof document !== "undefined") {
  tick();
  setInterval(tick, TICK_MS);
}
