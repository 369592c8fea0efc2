// Rows, anchors, scroll arithmetic and clocks: the pure parts of the log viewer.

import assert from "node:assert/strict";
import test from "node:test";

import { sayDuration } from "../../static/js/clock.js";
import { formatAnchor, holds, parseAnchor } from "../../static/js/log-anchor.js";
import { LogLines, PIECE } from "../../static/js/log-lines.js";
import { LogRows } from "../../static/js/log-rows.js";
import {
  contentHeight,
  lastPosition,
  MAX_PIXELS,
  piecesOf,
  positionAt,
  scrollTopOf,
  windowOf,
} from "../../static/js/log-scroll.js";

function rowsOf(...lines) {
  const rows = new LogRows();
  rows.update(lines.map((count, index) => ({ index, lines: count })));
  return rows;
}

test("it counts a heading for each step and the lines of open ones", () => {
  const rows = rowsOf(3, 5);
  assert.equal(rows.count, 2);
  rows.setOpen(1, true);
  assert.equal(rows.count, 7);
  assert.deepEqual([rows.at(0).line, rows.at(1).line, rows.at(2).line, rows.at(6).line], [null, null, 0, 4]);
  assert.deepEqual([rows.rowOf(1), rows.rowOf(1, 0), rows.endOf(1), rows.rowOf(9)], [1, 2, 6, -1]);
});

test("it finds every row of many steps again", () => {
  const rows = rowsOf(0, 7, 1, 0, 400);
  for (const { index } of rows.steps) rows.setOpen(index, true);
  for (let row = 0; row < rows.count; row += 1) {
    const { step, line } = rows.at(row);
    assert.equal(rows.rowOf(step.index, line), row);
  }
});

test("it never loses lines to an older page", () => {
  const rows = rowsOf(3);
  rows.grow(0, 10);
  rows.update([{ index: 0, lines: 4 }]);
  assert.equal(rows.step(0).lines, 10);
});

test("it shows an unfinished line until the whole one comes", () => {
  const rows = rowsOf(3);
  rows.setOpen(0, true);
  rows.setPartial(0, 3, "45 %");
  assert.equal(rows.count, 5);
  rows.setPartial(0, 2, "of a line that is there already");
  assert.equal(rows.step(0).partial.text, "45 %");
  assert.equal(rows.grow(0, 4), 1);
  assert.equal(rows.count, 5);
  assert.equal(rows.step(0).partial, null);
});

test("it scrolls pixel for row while the log is short enough", () => {
  const viewport = 400;
  const { pixels, isScaled } = contentHeight(1000, 20);
  const geometry = { pixels, viewport, last: lastPosition(1000, 20, viewport) };
  assert.equal(isScaled, false);
  assert.equal(positionAt(200, geometry), 10);
  assert.equal(Math.round(scrollTopOf(10, geometry)), 200);
  assert.equal(positionAt(1e9, geometry), 980);
});

test("it reaches both ends of a log that no element is high enough for", () => {
  const rows = 50_000_000;
  const viewport = 400;
  const { pixels, isScaled } = contentHeight(rows, 20);
  const geometry = { pixels, viewport, last: lastPosition(rows, 20, viewport) };
  assert.deepEqual([pixels, isScaled], [MAX_PIXELS, true]);
  assert.equal(positionAt(0, geometry), 0);
  assert.equal(positionAt(pixels - viewport, geometry), rows - 20);
  const middle = positionAt((pixels - viewport) / 2, geometry);
  assert.ok(Math.abs(middle - (rows - 20) / 2) < 1);
  assert.ok(Math.abs(scrollTopOf(middle, geometry) - (pixels - viewport) / 2) < 1);
});

test("it keeps a window of rows, whatever there is", () => {
  const [first, end] = windowOf(500_000.5, { rows: 1_000_000, rowHeight: 20, viewport: 600, overscan: 24 });
  assert.deepEqual([first, end], [499_976, 500_055]);
  assert.deepEqual(windowOf(0, { rows: 3, rowHeight: 20, viewport: 600, overscan: 24 }), [0, 3]);
});

test("it cuts ranges into pieces", () => {
  assert.deepEqual(piecesOf(0, 1, 500), [0]);
  assert.deepEqual(piecesOf(499, 501, 500), [0, 1]);
  assert.deepEqual(piecesOf(500, 500, 500), []);
});

test("it reads and writes permalinks", () => {
  assert.deepEqual(parseAnchor("#s2-l14"), { step: 2, from: 13, to: 13 });
  assert.deepEqual(parseAnchor("#s2-l20-l14"), { step: 2, from: 13, to: 19 });
  assert.deepEqual(parseAnchor("#s2"), { step: 2, from: null, to: null });
  for (const wrong of ["", "#", "#s", "#sx-l1", "#s2-l14x", "#s2-l1-l2-l3", "#content"]) assert.equal(parseAnchor(wrong), null);
  for (const hash of ["#s2", "#s2-l14", "#s2-l14-l20"]) assert.equal(formatAnchor(parseAnchor(hash)), hash);
  assert.ok(holds(parseAnchor("#s2-l14-l20"), 2, 13));
  assert.ok(!holds(parseAnchor("#s2-l14-l20"), 2, 20));
});

test("it says running clocks as the server says durations", () => {
  const said = [9.9, 59, 64, 3600 * 2 + 300, 86400 * 3 + 4 * 3600].map(sayDuration);
  assert.deepEqual(said, ["9 s", "59 s", "1 m 04 s", "2 h 05 m", "3 d 04 h"]);
});

function reader(total, most = Infinity) {
  const asked = [];
  const read = async (step, from, count) => {
    asked.push([step, from, count]);
    const end = Math.min(from + Math.min(count, most), total);
    return { first_line: from, lines: Array.from({ length: Math.max(0, end - from) }, (_, i) => `line ${from + i}`), total };
  };
  return { asked, read };
}

const settled = () => new Promise((done) => setTimeout(done, 5));

test("it asks for a piece once, and for what is missing only", async () => {
  const { asked, read } = reader(1200);
  const lines = new LogLines(read, () => {});
  lines.want(1, 490, 510, 1200);
  lines.want(1, 490, 510, 1200);
  await settled();
  assert.deepEqual(asked, [[1, 0, PIECE], [1, 500, PIECE]]);
  assert.equal(lines.html(1, 509), "line 509");
  assert.equal(lines.html(1, 1100), undefined);
  lines.want(1, 490, 510, 1200);
  assert.equal(asked.length, 2);
});

test("it reads on where an answer had no room for more", async () => {
  const { asked, read } = reader(500, 100);
  const lines = new LogLines(read, () => lines.want(1, 150, 180, 500));
  lines.want(1, 150, 180, 500);
  await settled();
  assert.deepEqual(asked, [[1, 0, 500], [1, 150, 350]]);
  assert.equal(lines.html(1, 179), "line 179");
});

test("it takes the same lines twice without doubling them, and colours run on", () => {
  const lines = new LogLines(async () => ({}), () => {});
  lines.put(3, 0, ["\x1b[31mred", "still"]);
  lines.put(3, 1, ["still", "\x1b[0mplain"]);
  assert.equal(lines.html(3, 1), '<span class="ansi-red-fg">still</span>');
  assert.equal(lines.html(3, 2), "plain");
  lines.put(3, 0, ["now plain"]);
  assert.equal(lines.html(3, 1), "still");
});

test("it keeps the memory of a tab flat", () => {
  const lines = new LogLines(async () => ({}), () => {});
  for (let first = 0; first < 200_000; first += 500) lines.put(1, first, Array(500).fill("x"));
  assert.ok(lines.pieces.size <= 60);
  assert.ok(lines.has(1, 199_999));
});
