"""The API's timeline of a build: the numbers of the page's picture, for whoever draws or measures them."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest
from django.utils import timezone
from ninja import Field, Router, Schema

from builds.api.builds import find_build
from builds.core.timeline import Row, Timeline
from builds.core.timeline_words import parallel_sentence, path_sentence
from builds.reading import steps_of
from builds.views.expected import Expected
from builds.views.timelines import known_time

router = Router(tags=["builds"])


class StepTimeOut(Schema):
    """One step; times are seconds from `began_at`, null before it began."""

    index: int
    name: str
    stage: str
    platform: str
    state: str
    cached: bool
    work: str = Field(description="exec, file, transfer, pull, export or imageyard.")
    begin: float | None
    end: float | None
    seconds: float
    bars: list[list[float]] = Field(description="[begin, end] of each stretch in which it worked.")
    inputs: list[int] = Field(description="Indexes of the steps whose result it takes.")
    waited: float = Field(description="Seconds from when all inputs were there until it began.")
    critical: bool
    bytes: int
    bytes_total: int = Field(description="0 where BuildKit does not say.")
    before: list[float] | None = Field(description="[begin, end, seconds] of the same step in the build before.")


class ExpectedOut(Schema):
    usual_s: float = Field(description="Median duration of the rule's last successful builds.")
    samples: int
    left_s: float
    percent: int


class TimelineOut(Schema):
    """Real, accumulated, parallel and idle time as Docker Desktop's Build timing has them, in seconds."""

    attempt: int
    began_at: float = Field(description="Seconds since 1970.")
    live: bool
    real_s: float
    accumulated_s: float
    parallel_s: float
    idle_s: float
    most_at_once: int
    work_s: dict[str, float]
    critical: list[int] = Field(description="The chain that decides how long it takes, first to last.")
    critical_s: float
    sentences: list[str]
    before: int | None = Field(description="Number of the last successful build of the rule before this one.")
    before_s: float | None
    expected: ExpectedOut | None = Field(description="While it runs, where the rule has succeeded lately.")
    steps: list[StepTimeOut]


@router.get("/builds/{int:build_id}/timeline", response=TimelineOut, summary="Read a build's times")
def timeline(request: HttpRequest, build_id: int, attempt: int | None = None) -> Any:
    """When each step worked, what it waited for, which chain decided, and the build before beside it."""
    build = find_build(request, build_id)
    chosen = build.attempt if attempt is None else attempt
    if attempt is not None and not 1 <= attempt <= build.attempt:
        raise Http404(f"Build {build_id} has no attempt {attempt}.")
    known = known_time(build, chosen, steps_of(build, chosen) if chosen else [], timezone.now())
    before = known.before.number if known.before else None
    return {"attempt": chosen, "before": before, "expected": _expected(known.expected), **_timeline(known.timeline)}


def _timeline(timeline: Timeline) -> dict[str, Any]:
    return {
        "began_at": timeline.began,
        "live": timeline.is_live,
        "real_s": timeline.real_s,
        "accumulated_s": timeline.accumulated_s,
        "parallel_s": timeline.parallel_s,
        "idle_s": timeline.idle_s,
        "most_at_once": timeline.most_at_once,
        "work_s": timeline.work_s,
        "critical": list(timeline.critical),
        "critical_s": timeline.critical_s,
        "sentences": [said for said in (path_sentence(timeline), parallel_sentence(timeline)) if said],
        "before_s": timeline.ghost_s,
        "steps": [_step(row) for row in timeline.rows],
    }


def _step(row: Row) -> dict[str, Any]:
    current, total = row.moved_bytes
    return {
        "index": row.step.index,
        "name": row.step.name,
        "stage": row.label.stage,
        "platform": row.label.platform,
        "state": row.step.state,
        "cached": row.step.cached,
        "work": row.work,
        "begin": row.begin,
        "end": row.end,
        "seconds": row.seconds,
        "bars": [list(bar) for bar in row.bars],
        "inputs": list(row.step.inputs),
        "waited": row.waited,
        "critical": row.is_critical,
        "bytes": current,
        "bytes_total": total,
        "before": [row.ghost.begin, row.ghost.end, row.ghost.seconds] if row.ghost else None,
    }


def _expected(told: Expected | None) -> dict[str, Any] | None:
    if told is None:
        return None
    return {"usual_s": told.usual_s, "samples": told.samples, "left_s": told.left_s, "percent": told.percent}
