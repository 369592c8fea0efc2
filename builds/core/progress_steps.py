"""The steps of a build as its events tell them: order, state, times. Their bytes go to the log, not here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from builds.core.progress_events import (
    BuildWarning,
    Event,
    StepAnnounced,
    StepFinished,
    StepLog,
    StepName,
    StepProgress,
    StepStarted,
    parse_step_name,
)

LOG_TAIL_BYTES = 2048
# What is kept of one step, so that no frontend makes its row endless; a base image has some twenty layers to transfer.
MOST_TRANSFERS = 100
MOST_INTERVALS = 100
MOST_INPUTS = 1000


class StepState(StrEnum):
    """Where a step stands; one that is still pending at the end of the build was never reached."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CACHED = "cached"
    CANCELLED = "cancelled"


class Transfer(NamedTuple):
    """A part of a step as it was told last: bytes, 0 where unknown, and seconds since 1970, None where untold."""

    id: str
    current: int
    total: int
    begin: float | None
    end: float | None


@dataclass(frozen=True, slots=True)
class Step:
    """A step at one moment.

    `index` counts from 0 in the order of first appearance and never changes. `duration_s` is the sum of the finished
    intervals. `log_tail` is the last bytes that the step printed, at most `LOG_TAIL_BYTES`. `inputs` are the indexes
    of the steps whose result it takes; `intervals` are seconds since 1970, with None for an end that has not come.
    """

    index: int
    vertex: str
    name: str
    label: StepName
    state: StepState
    cached: bool
    error: str
    started_at: datetime | None
    finished_at: datetime | None
    duration_s: float
    log_bytes: int
    log_tail: bytes
    inputs: tuple[int, ...] = ()
    intervals: tuple[tuple[float, float | None], ...] = ()
    transfers: tuple[Transfer, ...] = ()

    @property
    def internal(self) -> bool:
        """Whether this is BuildKit's own housekeeping."""
        return self.label.internal


@dataclass(slots=True)
class _Row:
    index: int
    vertex: str
    name: str
    label: StepName
    state: StepState = StepState.PENDING
    cached: bool = False
    error: str = ""
    intervals: dict[datetime | None, datetime | None] = field(default_factory=dict)
    log_bytes: int = 0
    log_tail: bytes = b""
    inputs: tuple[str, ...] = ()
    transfers: dict[str, Transfer] = field(default_factory=dict)

    def snapshot(self, rows: dict[str, _Row]) -> Step:
        starts = [start for start in self.intervals if start]
        ends = [end for end in self.intervals.values() if end]
        seconds = sum(max((end - start).total_seconds(), 0.0) for start, end in self.intervals.items() if start and end)
        ended = self.state not in (StepState.PENDING, StepState.RUNNING)
        return Step(
            self.index,
            self.vertex,
            self.name,
            self.label,
            self.state,
            self.cached,
            self.error,
            min(starts, default=None),
            max(ends, default=None) if ended else None,
            seconds,
            self.log_bytes,
            self.log_tail,
            tuple(rows[vertex].index for vertex in islice(self.inputs, MOST_INPUTS) if vertex in rows),
            _seconds(self.intervals),
            tuple(self.transfers.values()),
        )

    def take(self, event: StepProgress) -> None:
        """The newest of a part; parts beyond the bound are left out, which is told nowhere but missed by nobody."""
        if event.id in self.transfers or len(self.transfers) < MOST_TRANSFERS:
            begin, end = _second(event.started_at), _second(event.finished_at)
            self.transfers[event.id] = Transfer(event.id, event.current, event.total, begin, end)


class StepBook:
    """Folds events into the list of steps; the same event twice changes nothing but the count of log bytes."""

    def __init__(self) -> None:
        self._rows: dict[str, _Row] = {}
        self._order: list[_Row] = []
        self.warnings: list[BuildWarning] = []

    @property
    def steps(self) -> list[Step]:
        """Every step, in the order of first appearance."""
        return self.at(range(len(self._order)))

    def at(self, indexes: Iterable[int]) -> list[Step]:
        """The steps of these indexes, in their order: for whoever looks at a few of many."""
        return [self._order[index].snapshot(self._rows) for index in indexes]

    def get(self, vertex: str) -> Step | None:
        """The step of this vertex, None if no event named it yet."""
        row = self._rows.get(vertex)
        return row.snapshot(self._rows) if row else None

    def index_of(self, vertex: str) -> int | None:
        """The index of the step of this vertex: cheap enough for every log event."""
        row = self._rows.get(vertex)
        return row.index if row else None

    def apply(self, event: Event) -> int | None:
        """Take one event; answer the index of the step that it is about, None for one about no step.

        An event about a vertex that was never announced opens a step of its own: no log byte is without a place.
        """
        if isinstance(event, BuildWarning):
            self.warnings.append(event)
            return self.index_of(event.vertex)
        row = self._rows.get(event.vertex)
        if row is None:
            row = self._open(event.vertex, event.name if isinstance(event, StepAnnounced | StepStarted) else "")
        if isinstance(event, StepAnnounced):
            row.inputs = event.inputs
        elif isinstance(event, StepProgress):
            row.take(event)
        elif isinstance(event, StepLog):
            row.log_bytes += len(event.data)
            tail = event.data if len(event.data) >= LOG_TAIL_BYTES else row.log_tail + event.data
            row.log_tail = tail[-LOG_TAIL_BYTES:]
        elif isinstance(event, StepStarted):
            row.intervals.setdefault(event.at, None)
            row.state = StepState.RUNNING
        elif isinstance(event, StepFinished):
            row.intervals[event.started_at] = event.at
            row.cached, row.error = event.cached, event.error
            row.state = _outcome(event)
        return row.index

    def close(self) -> list[int]:
        """The stream ended: a step that still runs was cut off with it. Answers the indexes that changed."""
        changed = [row for row in self._rows.values() if row.state is StepState.RUNNING]
        for row in changed:
            row.state = StepState.CANCELLED
        return [row.index for row in changed]

    def _open(self, vertex: str, name: str) -> _Row:
        row = _Row(len(self._rows), vertex, name, parse_step_name(name))
        self._rows[vertex] = row
        self._order.append(row)
        return row


def _seconds(intervals: dict[datetime | None, datetime | None]) -> tuple[tuple[float, float | None], ...]:
    """Those that have a beginning, in order; a long list loses its middle."""
    told = sorted((start.timestamp(), _second(end)) for start, end in intervals.items() if start)
    half = MOST_INTERVALS // 2
    return tuple(told if len(told) <= MOST_INTERVALS else [*told[:half], *told[-half:]])


def _second(at: datetime | None) -> float | None:
    return at.timestamp() if at else None


def _outcome(event: StepFinished) -> StepState:
    if event.error:
        # BuildKit closes every open step of a build that stops with this text, whatever stopped it.
        return StepState.CANCELLED if "context canceled" in event.error else StepState.FAILED
    return StepState.CACHED if event.cached else StepState.SUCCEEDED
