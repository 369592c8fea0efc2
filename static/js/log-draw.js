// The elements of the log pane's rows. Line text comes as HTML from log-ansi.js; all else is set as text.

const ICONS = { running: "spin", succeeded: "ok", failed: "bad", cancelled: "idle", pending: "idle" };

/** A line's row; `html` is undefined while the line is not read yet, `time` is said before it. `old` is used again. */
export function drawLine(old, step, line, html, time) {
  const row = old?.classList.contains("log-row") ? old : makeLine();
  const name = `s${step.index}-l${line + 1}`;
  if (row.dataset.name !== name) {
    row.dataset.name = name;
    row.dataset.step = step.index;
    row.dataset.line = line;
    row.firstChild.href = `#${name}`;
    row.firstChild.textContent = (line + 1).toLocaleString("en-US").replaceAll(",", "\u202f");
    row.firstChild.removeAttribute("aria-label");
    row.html = null;
  }
  const [, at, text] = row.children;
  setText(at, time);
  const shown = html ?? "";
  if (row.html !== shown) {
    row.html = shown;
    text.innerHTML = shown;
  }
  row.classList.toggle("is-unread", html === undefined);
  return row;
}

function makeLine() {
  const row = document.createElement("div");
  row.className = "log-row";
  const number = document.createElement("a");
  number.className = "log-number";
  number.tabIndex = -1; // j and k go from line to line
  const at = document.createElement("span");
  at.className = "log-at";
  const text = document.createElement("span");
  text.className = "log-text";
  row.append(number, at, text);
  return row;
}

/** A step's heading: fold mark, name, cached mark, lines, time. */
export function drawHeading(old, step, isOpen) {
  const row = old?.classList.contains("log-heading") ? old : makeHeading();
  const [button] = row.children;
  const [fold, mark, name, note, time] = button.children;
  row.dataset.name = `s${step.index}`;
  row.dataset.step = step.index;
  button.setAttribute("aria-expanded", String(isOpen));
  fold.classList.toggle("is-open", isOpen);
  setClass(mark, `log-mark log-mark-${ICONS[step.state] ?? "idle"}`);
  mark.title = step.state;
  setText(name, step.name);
  name.title = step.name;
  setText(note, noteOf(step, isOpen));
  setText(time, step.time ?? "");
  return row;
}

function noteOf(step, isOpen) {
  const notes = [];
  if (step.cached) notes.push("cached");
  if (step.state === "failed" || step.state === "cancelled") notes.push(step.state);
  if (step.progress) notes.push(step.progress);
  else if (step.lines) notes.push(`${step.lines.toLocaleString("en-US")} ${step.lines === 1 ? "line" : "lines"}`);
  else if (isOpen && step.state !== "running") notes.push("printed nothing");
  return notes.join(" · ");
}

function makeHeading() {
  const row = document.createElement("div");
  row.className = "log-heading";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "log-fold-button";
  for (const part of ["log-fold", "log-mark", "log-name", "log-note", "log-time"]) {
    const span = document.createElement("span");
    span.className = part;
    button.append(span);
  }
  row.append(button);
  return row;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function setClass(element, name) {
  if (element.className !== name) element.className = name;
}
