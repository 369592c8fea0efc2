"""Where to look first in the log of an attempt: the first line that looks like an error, or where a step ended."""

from __future__ import annotations

import time
from dataclasses import dataclass

from builds.core.logerrors import error_lines
from builds.core.logtext import shown_block
from builds.logs.blocks import Place
from builds.logs.reader import LogReader
from builds.logs.search import BUDGET_S

LAST_LINES = 200
_LINE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class FirstError:
    """`place` is None where no line looks like an error; the sentence says what it is, lines counted from 1."""

    place: Place | None
    sentence: str


def first_error(reader: LogReader, failing: int | None = None) -> FirstError:
    """In the last 200 lines of the step that failed, where one did and printed something; else in the whole log.

    Raises `StoreUnavailable`.
    """
    lines = {step: total.lines for step, total in reader.totals().items()}
    if failing is not None and lines.get(failing):
        return _in_failing(reader, failing, lines[failing])
    place, searched = _look(reader, None, Place(0, 0), BUDGET_S)
    if place is not None:
        return FirstError(place, f"Line {place.line + 1:,} of this step is the first that looks like an error.")
    total = sum(lines.values())
    if searched < total:
        return FirstError(None, f"None of the first {searched:,} lines of {total:,} looks like an error.")
    return FirstError(None, "No line looks like an error." if total else "Nothing was printed.")


def _in_failing(reader: LogReader, step: int, total: int) -> FirstError:
    start = Place(step, max(0, total - LAST_LINES))
    place, _ = _look(reader, step, start, BUDGET_S)
    among = f"its last {LAST_LINES} lines" if start.line else f"its {total:,} lines" if total > 1 else "what it printed"
    if place is not None:
        sentence = f"Line {place.line + 1:,} of the failing step is the first of {among} that looks like an error."
        return FirstError(place, sentence)
    return FirstError(Place(step, total - 1), f"The end of the failing step: nothing in {among} looks like an error.")


def _look(reader: LogReader, step: int | None, start: Place, budget_s: float) -> tuple[Place | None, int]:
    """The first such line, and how many lines were looked at."""
    give_up, searched = time.monotonic() + budget_s, 0
    for block in reader.whole_lines(step, start, _LINE_BYTES):
        for number in error_lines(shown_block(block.data)):
            return Place(block.step, block.first_line + number), searched
        searched += block.lines
        if time.monotonic() > give_up:
            break
    return None, searched
