// What log lines look like: the table of tests/data/ansi-lines.json, which builds/core/ansi.py is held to as well.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { htmlLine } from "../../static/js/log-ansi.js";
import { foldLine, SHOWN_CHARACTERS } from "../../static/js/log-fold.js";

const CASES = JSON.parse(readFileSync(new URL("../data/ansi-lines.json", import.meta.url)));
const HTML = process.env.ANSI_LINES_HTML ? JSON.parse(process.env.ANSI_LINES_HTML) : {};

function render(lines) {
  let carry = [];
  return lines.map((line) => {
    const rendered = htmlLine(line, carry);
    carry = rendered.carry;
    return rendered.html;
  });
}

for (const { name, lines, text } of CASES) {
  test(`it shows ${name}`, () => {
    const shown = lines.map((line) => foldLine(line).runs.map((run) => run.text).join(""));
    assert.deepEqual(shown, text);
  });

  test(`it draws ${name} as the server does`, { skip: !(name in HTML) }, () => {
    assert.deepEqual(render(lines), HTML[name]);
  });
}

test("it says how much of a long line it left out", () => {
  const { html } = htmlLine("x".repeat(SHOWN_CHARACTERS + 1234));
  assert.match(html, /1,234 more characters; the raw log has them/);
});

test("it shows the end of a progress bar of megabytes", () => {
  const bar = Array.from({ length: 200_000 }, (_, i) => `\r${String(i).padStart(8)} of 200000`).join("");
  assert.equal(htmlLine(bar).html, "  199999 of 200000");
});
