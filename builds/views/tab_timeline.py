"""The tab Timeline of a build: its steps on one axis with the build before behind them, in percent of the axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from builds.core.states import State
from builds.core.timeline import Lane, Row, TimedStep, Timeline
from builds.core.timeline_words import (
    WORK_LABELS,
    bytes_words,
    layers_words,
    left_sentence,
    parallel_sentence,
    parts_words,
    path_sentence,
    shown_name,
)
from builds.models import Build, Step
from builds.reading import steps_of
from builds.views.bars import Bar, bar_of
from builds.views.build_lookup import attempt_asked, find_build
from builds.views.expected import Expected
from builds.views.timelines import known_time

# Beyond these a picture tells nothing; the table below it is as long.
MOST_ROWS = 400
# A build before that took much longer is cut off, or every bar of this one would be a hair.
_LONGEST_GHOST = 1.6
_FOLD_FROM = 2
# Of what BuildKit does for itself: less of the whole time than this is folded.
_WORTH_A_LINE = 0.02
_TICKS_S = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_MOST_TICKS = 8
_LAST_TICK = 95  # percent: the words of one further right would leave the picture
_LATE_TICK = 75  # percent: on a phone they would do so from here on


@dataclass(frozen=True, slots=True)
class ShownRow:
    row: Row
    name: str
    bars: tuple[Bar, ...]
    wait: Bar | None
    ghost: Bar | None
    moved: str
    note: str

    @property
    def slower_s(self) -> float | None:
        """Seconds more (or less) than in the build before, where that is worth a word."""
        row = self.row
        if row.ghost is None or row.is_running or not row.bars:
            return None
        more = row.seconds - row.ghost.seconds
        return more if abs(more) >= max(1.0, row.ghost.seconds * 0.1) else None

    @property
    def slower_abs(self) -> float:
        return abs(self.slower_s or 0.0)

    @property
    def step(self) -> TimedStep:
        return self.row.step


@dataclass(frozen=True, slots=True)
class Fold:
    """Rows that one line stands for; `kind` is cached, internal or unreached."""

    kind: str
    rows: tuple[ShownRow, ...]

    @property
    def seconds(self) -> float:
        return sum(shown.row.seconds for shown in self.rows)


@dataclass(frozen=True, slots=True)
class ShownLane:
    """`every` row has a place in the lane's own line; `rows` are those with a line of their own."""

    lane: Lane
    every: tuple[ShownRow, ...]
    rows: tuple[ShownRow, ...]
    folds: tuple[Fold, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """A class of work: its seconds, and its part of the whole bar in percent."""

    work: str
    label: str
    seconds: float
    percent: float


def context(asked: Any) -> dict[str, Any]:
    """For `build_tabs.Asked`."""
    return _context(asked.build, asked.attempt, asked.steps)


@require_safe
def fragment(request: HttpRequest, namespace: str, name: str, number: int) -> HttpResponse:
    """The picture alone, as the page has it: fetched anew while the build runs."""
    found = find_build(request, namespace, name, number)
    attempt = attempt_asked(request, found)
    steps = steps_of(found, attempt) if attempt else []
    return render(request, "builds/_timeline.html", {"build": found, **_context(found, attempt, steps)})


def _context(build: Build, attempt: int, steps: Sequence[Step]) -> dict[str, Any]:
    known = known_time(build, attempt, steps, timezone.now())
    timeline = known.timeline
    span = _span(timeline, known.expected)
    layers = layers_words(timeline, known.before.size_bytes if known.before else None)
    shown = [_shown(row, timeline, span, layers) for row in timeline.rows]
    by_index = {row.step.index: row for row in shown}
    address = [*build.repository.path.split("/"), build.number]
    query = "" if attempt == build.attempt else f"?attempt={attempt}"
    return {
        "timeline": timeline,
        "timeline_url": reverse("build-timeline", args=address) + query,
        "build_url": reverse("build", args=address),
        "log_query": f"{query}&" if query else "?",
        "attempt": attempt,
        "before": known.before,
        "expected": known.expected,
        "left": _left(known.expected),
        "lanes": [_lane(lane, by_index, timeline) for lane in timeline.lanes],
        "shown_rows": shown[:MOST_ROWS],
        "left_out": max(len(shown) - MOST_ROWS, 0),
        "span": span,
        "ticks": _ticks(span),
        "shares": _shares(timeline),
        "path_sentence": path_sentence(timeline, is_failed=build.state == State.FAILED),
        "parallel_sentence": parallel_sentence(timeline) if timeline.busy_s else "",
        "sent_bytes": sum(row.moved_bytes[0] for row in timeline.rows if row.work == "transfer"),
        "cached": sum(row.step.cached for row in timeline.rows if _counts(row)),
        "cacheable": sum(1 for row in timeline.rows if _counts(row)),
    }


def _counts(row: Row) -> bool:
    """Whether the cache could have had it: a step of the Dockerfile that is no FROM."""
    return row.label.role == "step" and not row.label.instruction.startswith("FROM ")


def _left(told: Expected | None) -> str:
    return left_sentence(told.usual_s, told.samples, told.left_s, is_late=told.is_late) if told else ""


def _span(timeline: Timeline, told: Expected | None) -> float:
    """Seconds from the left end to the right one. While it runs there is room for what is expected."""
    span = timeline.real_s
    if timeline.is_live:
        span = max(span * 1.02, timeline.real_s + told.left_s if told else span * 1.15)
    elif timeline.ghost_s:
        span = max(span, min(timeline.ghost_s, span * _LONGEST_GHOST))
    return max(span, 0.01)


def _shown(row: Row, timeline: Timeline, span: float, layers: str) -> ShownRow:
    last = len(row.bars) - 1
    grows = timeline.is_live and row.is_running
    bars = tuple(bar_of(begin, end, span, grows=grows and place == last) for place, (begin, end) in enumerate(row.bars))
    wait = None
    if row.ready is not None and row.waited > span / 200:
        wait = bar_of(row.ready, row.ready + row.waited, span)
    ghost = None
    if row.ghost is not None and row.ghost.begin < span and row.ghost.end - row.ghost.begin > span / 500:
        ghost = bar_of(row.ghost.begin, row.ghost.end, span)
    note = ""
    if row.work == "export" and row.bars:
        has_layers = row.step.name.startswith("exporting to ")
        note = " · ".join(said for said in (parts_words(row), layers if has_layers else "") if said)
    return ShownRow(row, shown_name(row), bars, wait, ghost, bytes_words(row), note)


def _lane(lane: Lane, shown: dict[int, ShownRow], timeline: Timeline) -> ShownLane:
    every = tuple(shown[row.step.index] for row in lane.rows)
    kinds = {row.step.index: _quiet_kind(row, lane.kind, timeline) for row in every}
    folds = []
    for kind in ("internal", "cached", "unreached"):
        quiet = tuple(row for row in every if kinds[row.step.index] == kind)
        if len(quiet) >= _FOLD_FROM:
            folds.append(Fold(kind, quiet[:MOST_ROWS]))
    folded = {fold.kind for fold in folds}
    rows = [row for row in every if kinds[row.step.index] not in folded]
    return ShownLane(lane, every[:MOST_ROWS], tuple(rows[:MOST_ROWS]), tuple(folds))


def _quiet_kind(shown: ShownRow, lane: str, timeline: Timeline) -> str:
    """Which fold a row may go into; "" for one that people want to see."""
    step = shown.step
    if step.state == "pending":
        return "" if timeline.is_live else "unreached"
    if step.state in ("failed", "running"):
        return ""
    if lane == "buildkit":
        return "internal" if shown.row.seconds < timeline.real_s * _WORTH_A_LINE else ""
    return "cached" if step.cached else ""


def _ticks(span: float) -> list[tuple[float, float, bool]]:
    """`(seconds, percent, whether a phone has no room for it)` of the axis' marks, on round numbers."""
    step = next((tick for tick in _TICKS_S if span / tick <= _MOST_TICKS), _TICKS_S[-1])
    ticks = [(step * place, round(step * place / span * 100, 3)) for place in range(int(span / step) + 1)]
    return [(seconds, at, at > _LATE_TICK) for seconds, at in ticks if at <= _LAST_TICK]


def _shares(timeline: Timeline) -> list[Share]:
    sums: dict[str, float] = {str(work): seconds for work, seconds in timeline.work_s.items()}
    labels = {"idle": "Idle", **{str(work): label for work, label in WORK_LABELS.items()}}
    if timeline.idle_s > 0:
        sums["idle"] = timeline.idle_s
    whole = sum(sums.values()) or 1.0
    return [Share(work, labels[work], seconds, round(seconds / whole * 100, 2)) for work, seconds in sums.items()]
