// Search results, times, copied text and what is read out: the pure parts of the log viewer's tools.

import assert from "node:assert/strict";
import test from "node:test";

import { parseAnchor } from "../../static/js/log-anchor.js";
import { trimmed } from "../../static/js/log-copy.js";
import { endPosition, movedBy } from "../../static/js/log-heights.js";
import { LogLines } from "../../static/js/log-lines.js";
import { Matches, MOST } from "../../static/js/log-matches.js";
import { unitsOf } from "../../static/js/log-ranges.js";
import { said } from "../../static/js/log-spoken.js";
import { sayTime, spread } from "../../static/js/log-times.js";

const match = (step, line) => ({ step, line, spans: [[0, 1]] });
const DONE = { searched: 900, total: 900, next: null };

test("it keeps matches in order, once each, and where one is", () => {
  const matches = new Matches();
  assert.equal(matches.add([match(2, 5), match(2, 9)]), 2);
  assert.deepEqual(matches.seek({ step: 2, line: 6 }), { step: 2, line: 9 });
  assert.equal(matches.add([match(2, 9), match(1, 3)]), 1);
  assert.deepEqual(matches.lines.map(({ step, line }) => [step, line]), [[1, 3], [2, 5], [2, 9]]);
  assert.deepEqual(matches.here, { step: 2, line: 9 });
  assert.deepEqual(matches.spansOf(2, 5), [[0, 1]]);
  assert.equal(matches.spansOf(2, 6), undefined);
});

test("it goes from match to match and round the ends", () => {
  const matches = new Matches();
  assert.deepEqual(matches.go(1), { match: null, isRound: false });
  matches.add([match(1, 0), match(1, 5), match(3, 2)]);
  matches.seek({ step: 1, line: 4 });
  assert.equal(matches.at, 1);
  assert.equal(matches.go(1).match.step, 3);
  assert.deepEqual(matches.go(1), { match: { step: 1, line: 0 }, isRound: true });
  assert.equal(matches.go(-1).match.step, 3);
  matches.seek({ step: 9, line: 0 });
  assert.equal(matches.at, 0, "nothing behind: from the first one");
});

test("it says how many there are and how far the search is", () => {
  const matches = new Matches();
  assert.equal(matches.say(DONE), "Nothing found in 900 lines");
  assert.equal(matches.say({ ...DONE, total: 1 }), "Nothing found in 1 line");
  matches.add([match(1, 1)]);
  assert.equal(matches.say(DONE), "1 line");
  matches.add([match(1, 2)]);
  matches.seek({ step: 1, line: 2 });
  assert.equal(matches.say(DONE), "2 of 2 lines");
  const part = { searched: 600_000, total: 1_000_000, next: "1.600000" };
  assert.equal(matches.say(part), "2 lines · searched 600,000 of 1,000,000 lines so far");
  matches.add(Array.from({ length: MOST }, (_, line) => match(5, line)));
  assert.equal(matches.say(part), "2 of at least 10,002 lines");
});

test("it counts places in characters, the page in units", () => {
  assert.deepEqual(unitsOf("plain", [[1, 3]]), [[1, 3]]);
  assert.deepEqual(unitsOf("🙂 a 🙂 b", [[2, 3], [6, 7], [0, 99]]), [[3, 4], [8, 9], [0, 9]]);
});

test("it spreads marks over lines", () => {
  assert.deepEqual(spread([[10, 100], [12, 200]], 10, 4), [100, 100, 200, 200]);
  assert.deepEqual(spread([[11, 100]], 10, 2), [undefined, 100]);
  assert.deepEqual(spread([], 0, 2), [undefined, undefined]);
});

test("it says times as a clock, and since a beginning", () => {
  const at = new Date(2026, 10, 25, 9, 5, 7, 250).getTime();
  assert.equal(sayTime(at, "clock"), "09:05:07.2");
  assert.equal(sayTime(61_250, "build", 0), "1:01.2");
  assert.equal(sayTime(3_723_400, "step", 0), "1:02:03.4");
  assert.equal(sayTime(5, "build", 10), "0:00.0", "clocks of two machines differ");
  assert.equal(sayTime(5, "step", undefined), "");
  assert.equal(sayTime(undefined, "clock"), "");
  assert.equal(sayTime(5, "off"), "");
});

test("it knows when lines were printed, by range and live", () => {
  const lines = new LogLines(async () => ({}), () => {});
  lines.put(1, 498, ["a", "b", "c", "d"], [[498, 1000], [500, 2000]]);
  assert.deepEqual([498, 499, 500, 501, 502].map((line) => lines.time(1, line)), [1000, 1000, 2000, 2000, undefined]);
  lines.put(1, 500, ["c"]);
  assert.equal(lines.time(1, 500), 2000, "an answer without times takes none away");
  assert.equal(lines.plain(1, 498), "a");
});

test("it copies what is selected of the first and the last line", () => {
  const at = (line, offset) => ({ step: 1, line, offset });
  assert.equal(trimmed(["hello", "there", "world"], at(3, 2), at(5, 3)), "llo\nthere\nwor");
  assert.equal(trimmed(["hello"], at(3, 1), at(3, 3)), "el");
  assert.equal(trimmed(["hello", "x"], at(-1, 0), at(1, 1)), "hello\nx", "from a heading on");
  assert.equal(trimmed([], at(0, 0), at(0, 0)), "");
});

const HEIGHTS = new Map([20, 100, 20, 400, 20].map((offsetHeight, row) => [row, { offsetHeight }]));

test("it moves over rows of different heights by pixels, there and back", () => {
  assert.equal(movedBy(HEIGHTS, 0, 70), 1.5);
  assert.equal(movedBy(HEIGHTS, 1.5, -70), 0);
  assert.equal(movedBy(HEIGHTS, 3.25, -120), 2);
  assert.equal(movedBy(HEIGHTS, 0, 1e6), 5, "as far as rows are drawn");
  assert.equal(movedBy(HEIGHTS, 1, -1e6), 0);
});

test("it finds where the end of wrapped lines is", () => {
  assert.equal(endPosition(HEIGHTS, 5, 220), 3.5);
  assert.equal(endPosition(HEIGHTS, 5, 10_000), 0);
  assert.equal(endPosition(new Map([[4, { offsetHeight: 20 }]]), 5, 220), null);
});

test("it reads out few lines, and counts many", () => {
  assert.equal(said(2, ["one ", "", "two"]), "one\ntwo");
  assert.equal(said(312, ["a", "b", "last"]), "312 new lines, the last: last");
  assert.equal(said(5, ["", " "]), "5 new lines");
});

test("it takes permalinks in capitals", () => {
  assert.deepEqual(parseAnchor("#s3-L120-L140"), { step: 3, from: 119, to: 139 });
});
