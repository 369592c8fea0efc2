"""The steps of a build as its page lists them: order, folding, bars of the waterfall, which one is open at first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from builds.core.timeline import Row, lay_out
from builds.models import Build, Step
from builds.views.bars import Bar, bar_of
from builds.views.timelines import timed

_FOLD_FROM = 2  # a single cached step is no shorter when it is folded


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step. `bars` are of the attempt's `span` seconds; `seconds` is None before it began.

    `is_critical`: it is on the chain of steps that decides how long the build takes.
    """

    step: Step
    number: int
    seconds: float | None
    bars: tuple[Bar, ...]
    span: float
    is_critical: bool = False

    @property
    def is_running(self) -> bool:
        return self.step.state == Step.State.RUNNING


@dataclass(frozen=True, slots=True)
class StepGroup:
    """Steps that are folded into one row; `title` is empty for a step that stands for itself."""

    rows: tuple[StepRow, ...]
    kind: str = ""

    @property
    def seconds(self) -> float:
        return sum(row.seconds or 0 for row in self.rows)


def step_rows(steps: Sequence[Step], now: datetime) -> list[StepRow]:
    """A row for each step, numbered as they stand."""
    runs = any(step.started_at and not step.finished_at for step in steps)
    timeline = lay_out([timed(step) for step in steps], now=now.timestamp() if runs else None)
    span = max(timeline.real_s, 0.001)
    return [
        _row(step, number, row, span) for number, (step, row) in enumerate(zip(steps, timeline.rows, strict=True), 1)
    ]


def _row(step: Step, number: int, row: Row, span: float) -> StepRow:
    if step.started_at is None:
        return StepRow(step, number, None, (), span)
    seconds = step.duration_s if step.finished_at and step.duration_s is not None else row.seconds
    last = len(row.bars) - 1
    bars = tuple(
        bar_of(begin, end, span, least=1, grows=row.is_running and place == last)
        for place, (begin, end) in enumerate(row.bars)
    )
    return StepRow(step, number, seconds, bars, span, row.is_critical)


def grouped(rows: Sequence[StepRow]) -> list[StepGroup]:
    """Rows in order; cached ones folded where the first of them stands, internal ones at the end."""
    internal = tuple(row for row in rows if row.step.internal and _is_quiet(row))
    cached = tuple(row for row in rows if row.step.cached and not row.step.internal and _is_quiet(row))
    folded = cached if len(cached) >= _FOLD_FROM else ()
    groups: list[StepGroup] = []
    for row in rows:
        if row in internal or row in folded[1:]:
            continue
        groups.append(StepGroup(folded, "cached") if folded and row is folded[0] else StepGroup((row,)))
    return [*groups, StepGroup(internal, "internal")] if internal else groups


def _is_quiet(row: StepRow) -> bool:
    return row.step.state not in {Step.State.FAILED, Step.State.RUNNING}


def chosen_step(build: Build, steps: Sequence[Step], asked: str = "") -> Step | None:
    """The step whose log is open at first: the one asked for, the failing, the running, the one that printed most."""
    if asked.isdecimal() and (wanted := next((step for step in steps if step.index == int(asked[:6])), None)):
        return wanted
    failed = [step for step in steps if step.state == Step.State.FAILED]
    named = [step for step in steps if build.error_step and step.name == build.error_step]
    running = [step for step in steps if step.state == Step.State.RUNNING]
    for found in (named or failed, [step for step in running if not step.internal] or running):
        if found:
            return found[-1]
    spoke = [step for step in steps if step.lines]
    return max(spoke, key=lambda step: step.lines, default=None)
