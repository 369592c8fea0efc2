// When lines were printed, as the pane says it. Pure: milliseconds in, text out.

export const MODES = ["off", "clock", "build", "step"];

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const two = (number) => String(number).padStart(2, "0");

/** Marks [[line, ms], …] → ms for each of `count` lines from `first`; undefined where that is not known. */
export function spread(marks, first, count) {
  const times = new Array(count);
  let next = 0;
  let at;
  for (let i = 0; i < count; i += 1) {
    while (next < marks.length && marks[next][0] <= first + i) at = marks[next++][1];
    times[i] = at;
  }
  return times;
}

/** `began` is when the build or the step began, in ms, for the modes that are relative to it. */
export function sayTime(at, mode, began) {
  if (at === undefined || mode === "off") return "";
  if (mode === "clock") return clockOf(new Date(at));
  return began === undefined ? "" : sinceOf(at - began);
}

// Lines that came within 50 ms share a time: more than a digit would be more than is known.
function clockOf(date) {
  const tenths = Math.floor(date.getMilliseconds() / 100);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${tenths}`;
}

function sinceOf(span) {
  const ms = Math.max(0, span);
  const hours = Math.floor(ms / HOUR);
  const minutes = Math.floor((ms % HOUR) / MINUTE);
  const seconds = `${two(Math.floor((ms % MINUTE) / SECOND))}.${Math.floor((ms % SECOND) / 100)}`;
  return hours ? `${hours}:${two(minutes)}:${seconds}` : `${minutes}:${seconds}`;
}
