"""Searches the log of an attempt, frame by frame, for a bounded time. What a match is, says builds.core.logsearch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from builds.core.logsearch import Query, Span
from builds.core.logtext import shown_block
from builds.logs.blocks import Place
from builds.logs.reader import LogReader

BUDGET_S = 1.0
"""After so long an answer says how far it came; whoever asks goes on from there."""
MOST_MATCHES = 2000
LINE_BYTES = 8 * 1024 * 1024
"""Of a longer line the beginning is searched."""
REGEX_LINE_BYTES = 1024 * 1024  # a hostile regex may need microseconds for each byte


@dataclass(frozen=True, slots=True)
class Match:
    """A line that matches, from 0 within its step, and where."""

    step: int
    line: int
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class SearchPart:
    """What was found from a place on. `searched` of `total` lines lie before `next`, which is None at the end."""

    matches: list[Match]
    searched: int
    total: int
    next: Place | None


def search_log(
    reader: LogReader,
    query: Query,
    *,
    step: int | None = None,
    start: Place = Place(0, 0),  # noqa: B008 — immutable
    most: int = MOST_MATCHES,
    budget_s: float = BUDGET_S,
    is_stopped: Callable[[], bool] = lambda: False,
) -> SearchPart:
    """Lines that match from `start` on, of one step or of every step in order, at most `most`.

    It ends early after `budget_s` seconds, or as soon as `is_stopped`, which is asked after each frame. Raises
    `StoreUnavailable`.
    """
    lines = {index: total.lines for index, total in reader.totals().items() if step in (None, index)}
    give_up = time.monotonic() + budget_s
    matches: list[Match] = []
    place = start
    for block in reader.whole_lines(step, start, REGEX_LINE_BYTES if query.is_regex else LINE_BYTES):
        for number, spans in query.matches(shown_block(block.data)):
            if len(matches) == most:
                return _part(matches, lines, Place(block.step, block.first_line + number))
            matches.append(Match(block.step, block.first_line + number, spans))
        place = block.end
        if is_stopped() or time.monotonic() > give_up:
            return _part(matches, lines, place)
    return _part(matches, lines, None)


def _part(matches: list[Match], lines: dict[int, int], place: Place | None) -> SearchPart:
    total = sum(lines.values())
    if place is None:
        return SearchPart(matches, total, total, None)
    before = sum(count for step, count in lines.items() if step < place.step) + place.line
    return SearchPart(matches, min(before, total), total, place if before < total else None)
