// Keeps relative times true: <time data-ago datetime="…">. Says them as lib/humanize.py does.

const EVERY_MS = 10_000;
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const SPANS = [
  [MINUTE, 1, "s"],
  [HOUR, MINUTE, "min"],
  [2 * DAY, HOUR, "h"],
  [14 * DAY, DAY, "d"],
  [60 * DAY, 7 * DAY, "weeks"],
  [730 * DAY, 30 * DAY, "months"],
  [Infinity, 365 * DAY, "years"],
];

function say(seconds) {
  if (seconds > -MINUTE && seconds < 10) return "just now";
  const whole = Math.floor(Math.abs(seconds));
  const [, unit, name] = SPANS.find(([below]) => whole < below);
  const span = `${Math.floor(whole / unit)} ${name}`;
  return seconds > 0 ? `${span} ago` : `in ${span}`;
}

function refresh() {
  if (document.hidden) return;
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const text = say((Date.now() - Date.parse(time.dateTime)) / 1000);
    if (time.textContent !== text) time.textContent = text;
  }
}

setInterval(refresh, EVERY_MS);
document.addEventListener("visibilitychange", refresh);
