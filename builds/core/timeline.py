"""A build as a picture of time: rows, the stages they stand in, the build before it as a ghost. Draws nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from builds.core.progress_events import StepName, parse_step_name
from builds.core.step_pairs import pair_steps
from builds.core.timeline_path import critical_path, seconds_in_parallel
from builds.core.timeline_steps import Part, TimedStep, Work, work_of

__all__ = ["Ghost", "Lane", "Part", "Row", "TimedStep", "Timeline", "Work", "lay_out", "work_of"]

# Pairs of steps that may be one which was edited.
_MOST_EDITED = 900


@dataclass(frozen=True, slots=True)
class Ghost:
    """The same step in the build before: seconds from that build's beginning, and how long it worked."""

    begin: float
    end: float
    seconds: float
    cached: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One step on the axis. All times are seconds from the timeline's beginning; None before the step began.

    `bars` are the stretches in which it worked, `seconds` their sum. `ready` is when everything it takes was there, if
    it takes anything: until `begin` (or now) it waited. `ghost` is None where the build before had no such step.
    """

    step: TimedStep
    label: StepName
    work: Work
    bars: tuple[tuple[float, float], ...]
    ready: float | None = None
    waited: float = 0.0
    is_critical: bool = False
    ghost: Ghost | None = None

    @property
    def begin(self) -> float | None:
        return self.bars[0][0] if self.bars else None

    @property
    def end(self) -> float | None:
        """Its last moment so far."""
        return max(end for _, end in self.bars) if self.bars else None

    @property
    def seconds(self) -> float:
        return sum(end - begin for begin, end in self.bars)

    @property
    def is_running(self) -> bool:
        return self.step.state == "running"

    @property
    def moved_bytes(self) -> tuple[int, int]:
        """Bytes of its transfers, and how many they will be, 0 where BuildKit does not say."""
        current = sum(part.current for part in self.step.transfers)
        totals = [part.total for part in self.step.transfers if part.total]
        return current, max(sum(totals), current) if totals else 0


@dataclass(frozen=True, slots=True)
class Lane:
    """The rows of a stage of the Dockerfile, or of what stands beside it; `kind` is stage, imageyard, buildkit, export.

    `title` is "" for the only stage of a Dockerfile.
    """

    kind: str
    title: str
    rows: tuple[Row, ...]

    @property
    def seconds(self) -> float:
        return sum(row.seconds for row in self.rows)


@dataclass(frozen=True)
class Timeline:
    """Everything on one axis from `began` (seconds since 1970) on; `is_live` while more is to come.

    `real_s` is from the first beginning to the last end (or now); in `busy_s` of it something worked, in `parallel_s`
    at least two steps did. `critical` are indexes, in order of time: the chain that nothing else could have shortened.
    """

    began: float
    rows: tuple[Row, ...]
    real_s: float
    busy_s: float
    parallel_s: float
    most_at_once: int
    critical: tuple[int, ...]
    is_live: bool = False
    ghost_s: float | None = None
    lanes: tuple[Lane, ...] = field(default=())

    @cached_property
    def accumulated_s(self) -> float:
        """What all steps took together."""
        return sum(row.seconds for row in self.rows)

    @property
    def idle_s(self) -> float:
        return max(self.real_s - self.busy_s, 0.0)

    @property
    def parallel_share(self) -> float:
        """Of the time in which something worked, from 0 to 1."""
        return self.parallel_s / self.busy_s if self.busy_s else 0.0

    @cached_property
    def work_s(self) -> dict[Work, float]:
        """Accumulated seconds by class of work, largest first; a class without any is left out."""
        sums: dict[Work, float] = {}
        for row in self.rows:
            sums[row.work] = sums.get(row.work, 0.0) + row.seconds
        return {work: seconds for work, seconds in sorted(sums.items(), key=lambda one: -one[1]) if seconds > 0}

    @cached_property
    def critical_s(self) -> float:
        on_path = set(self.critical)
        return sum(row.seconds for row in self.rows if row.step.index in on_path)

    @property
    def longest(self) -> Row | None:
        """The step of the critical path that took most: where making the build faster begins."""
        on_path = [row for row in self.rows if row.is_critical]
        return max(on_path, key=lambda row: row.seconds, default=None)


def lay_out(
    steps: Sequence[TimedStep], *, now: float | None = None, before: Timeline | None = None, ended: float | None = None
) -> Timeline:
    """The timeline of one attempt: `now` while it runs, None once it is over. `before` is drawn behind it.

    `ended` closes a step that was cut off without a word of its end; without it such a step has no length.
    """
    begins = [begin for step in steps for begin, _ in step.intervals]
    began = min(begins, default=now or 0.0)
    pairs = _ghosts(before, steps) if before is not None else {}
    closes = now if now is not None else ended
    bars = {step.index: _bars(step, began, closes) for step in steps}
    over = {
        step.index: max((e for _, e in bars[step.index]), default=None) for step in steps if step.state != "running"
    }
    until = None if now is None else now - began
    rows = [_row(step, bars[step.index], over, until, pairs.get(step.index)) for step in steps]
    path = critical_path(rows)
    on_path = set(path)
    rows = [_marked(row) if row.step.index in on_path else row for row in rows]
    spans = [bar for row in rows for bar in row.bars]
    last = max((end for _, end in spans), default=0.0)
    busy, parallel, most = seconds_in_parallel(spans)
    return Timeline(
        began=began,
        rows=tuple(rows),
        real_s=max(last, until or 0.0),
        busy_s=busy,
        parallel_s=parallel,
        most_at_once=most,
        critical=path,
        is_live=now is not None,
        ghost_s=before.real_s if before is not None else None,
        lanes=tuple(_lanes(rows)),
    )


def _bars(step: TimedStep, began: float, closes: float | None) -> tuple[tuple[float, float], ...]:
    """Its intervals, those that touch or overlap joined; an open one reaches to where everything is closed."""
    bars: list[tuple[float, float]] = []
    for begin, end in sorted(step.intervals, key=lambda interval: interval[0]):
        until = max(begin, end if end is not None else closes if closes is not None else begin)
        if bars and begin - began <= bars[-1][1]:
            bars[-1] = (bars[-1][0], max(bars[-1][1], until - began))
        else:
            bars.append((begin - began, until - began))
    return tuple(bars)


def _row(
    step: TimedStep,
    bars: tuple[tuple[float, float], ...],
    over: Mapping[int, float | None],
    until: float | None,
    ghost: Ghost | None,
) -> Row:
    ready: float | None = None
    ends = [over.get(index) for index in step.inputs]
    if ends and all(end is not None for end in ends):
        ready = max(end for end in ends if end is not None)
    begins = bars[0][0] if bars else until
    is_waited_for = ready is not None and begins is not None and (bars or step.state == "pending")
    waited = max(begins - ready, 0.0) if is_waited_for and begins is not None and ready is not None else 0.0
    label = parse_step_name(step.name)
    return Row(step, label, work_of(step, label), bars, ready, waited, ghost=ghost)


def _marked(row: Row) -> Row:
    return Row(row.step, row.label, row.work, row.bars, row.ready, row.waited, is_critical=True, ghost=row.ghost)


def _ghosts(before: Timeline, steps: Sequence[TimedStep]) -> dict[int, Ghost]:
    rows = {row.step.index: row for row in before.rows}
    found = {}
    for was, now in _pairs([row.step for row in before.rows], steps):
        row = rows[was.index]
        if row.begin is not None and row.end is not None:
            found[now.index] = Ghost(row.begin, row.end, row.seconds, row.step.cached)
    return found


def _pairs(before: Sequence[TimedStep], after: Sequence[TimedStep]) -> Iterable[tuple[TimedStep, TimedStep]]:
    """Which step was which. Of builds with little in common only steps of the same name: likeness takes its time."""
    names, new_names = {step.name for step in before}, {step.name for step in after}
    if len(names - new_names) * len(new_names - names) > _MOST_EDITED:
        by_name = {step.name: step for step in before}
        return [(by_name[step.name], step) for step in after if step.name in by_name]
    pairs = pair_steps(list(before), list(after))
    return [(pair.before, pair.after) for pair in pairs if pair.before is not None and pair.after is not None]


def _lanes(rows: Iterable[Row]) -> Iterable[Lane]:
    """What comes before the Dockerfile, its stages by first appearance, what comes behind."""
    lanes: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        lanes.setdefault(_lane_of(row), []).append(row)
    order = {"imageyard": 0, "buildkit": 1, "stage": 2, "export": 3}
    for (kind, title), members in sorted(lanes.items(), key=lambda lane: order[lane[0][0]]):
        yield Lane(kind, title, tuple(members))


def _lane_of(row: Row) -> tuple[str, str]:
    if row.work == "imageyard":
        return "imageyard", "Imageyard"
    if row.work == "export":
        return "export", "Export and push"
    if row.label.internal:
        return "buildkit", "BuildKit"
    words = " ".join(part for part in (row.label.stage, row.label.platform) if part)
    return "stage", words
