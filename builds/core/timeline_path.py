"""What decides how long a build takes: the chain of steps that waited for each other, and how much ran at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Protocol

# Two machines' clocks, and what BuildKit does between two steps.
_SLACK_S = 0.005
_NOTHING_S = 0.001


class _Step(Protocol):
    @property
    def index(self) -> int: ...
    @property
    def state(self) -> str: ...
    @property
    def inputs(self) -> tuple[int, ...]: ...


class _Ghost(Protocol):
    @property
    def seconds(self) -> float: ...


class _Row(Protocol):
    @property
    def step(self) -> _Step: ...
    @property
    def begin(self) -> float | None: ...
    @property
    def end(self) -> float | None: ...
    @property
    def seconds(self) -> float: ...
    @property
    def ghost(self) -> _Ghost | None: ...


def critical_path(rows: Sequence[_Row]) -> tuple[int, ...]:
    """Indexes of the steps that made the build as long as it is, first to last; those that took no time left out.

    From the end backwards: a step waited for the last of its inputs; one that takes nothing (the export, the checkout)
    for whatever ended last before it began.
    """
    begun = {row.step.index: row for row in rows if row.begin is not None}
    ends = sorted((row.end or 0.0, index) for index, row in begun.items())
    at = _last(list(begun.values()))
    path: list[int] = []
    seen: set[int] = set()
    while at is not None and at.step.index not in seen:
        seen.add(at.step.index)
        if at.seconds >= _NOTHING_S:
            path.append(at.step.index)
        inputs = [begun[index] for index in at.step.inputs if index in begun and index not in seen]
        at = max(inputs, key=_end, default=None) or _before(at, begun, ends, seen)
    return tuple(reversed(path))


def _last(rows: Sequence[_Row]) -> _Row | None:
    """Where the path ends: what failed, else what runs and has longest to go, else what ended last."""
    failed = [row for row in rows if row.step.state == "failed"]
    running = [row for row in rows if row.step.state == "running"]
    if failed:
        return max(failed, key=_end)
    if running:
        return max(running, key=lambda row: ((row.ghost.seconds - row.seconds) if row.ghost else 0.0, row.seconds))
    return max(rows, key=lambda row: (_end(row), row.step.index), default=None)


def _before(at: _Row, begun: dict[int, _Row], ends: list[tuple[float, int]], seen: set[int]) -> _Row | None:
    place = bisect_right(ends, ((at.begin or 0.0) + _SLACK_S, len(begun) + at.step.index))
    for end, index in reversed(ends[:place]):
        if index not in seen and end <= (at.begin or 0.0) + _SLACK_S:
            return begun[index]
    return None


def _end(row: _Row) -> float:
    return row.end or 0.0


def seconds_in_parallel(spans: Iterable[tuple[float, float]]) -> tuple[float, float, int]:
    """Of stretches of time: how long at least one lasted, how long at least two did, and the most at one moment."""
    turns = sorted((at, turn) for begin, end in spans if end > begin for at, turn in ((begin, 1), (end, -1)))
    busy = parallel = last = 0.0
    now = most = 0
    for at, turn in turns:
        if now >= 1:
            busy += at - last
        if now >= 2:  # noqa: PLR2004
            parallel += at - last
        now += turn
        most = max(most, now)
        last = at
    return busy, parallel, most
