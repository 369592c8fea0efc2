"""The timeline of an attempt with the build before it, from rows: for pages and the API. Nothing is drawn here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from builds.core.states import State
from builds.core.timeline import Part, TimedStep, Timeline, lay_out
from builds.models import Build, Step
from builds.reading import steps_of
from builds.views.expected import Expected, expected

# How far back the build before may be, in builds of the repository.
_NEAR = 500


@dataclass(frozen=True, slots=True)
class Known:
    """All that the page and the API tell of one attempt's time."""

    timeline: Timeline
    before: Build | None
    expected: Expected | None


def known_time(build: Build, attempt: int, steps: Sequence[Step], now: datetime) -> Known:
    """The timeline of an attempt. Four queries at most, whatever the size of the build."""
    is_live = not build.is_final and attempt == build.attempt and build.state != State.QUEUED
    told = expected([build], {build.pk: steps}, now).get(build.pk) if is_live else None
    before = _before(build)
    behind = lay_out([timed(step) for step in steps_of(before)]) if before is not None else None
    ends = [step.finished_at for step in steps if step.finished_at]
    timeline = lay_out(
        [timed(step) for step in steps],
        now=now.timestamp() if is_live else None,
        before=behind,
        ended=max(ends).timestamp() if ends else None,
    )
    return Known(timeline, before, told)


def timed(step: Step) -> TimedStep:
    """A row as the core reads it. Steps of Imageyard's own have no intervals but their times."""
    spans = [(begin, end) for begin, end in step.intervals]
    if not spans and step.started_at:
        spans = [(step.started_at.timestamp(), step.finished_at.timestamp() if step.finished_at else None)]
    return TimedStep(
        index=step.index,
        name=step.name,
        state=str(step.state),
        vertex=step.vertex,
        internal=step.internal,
        cached=step.cached,
        operation=step.operation,
        fingerprint=step.fingerprint,
        intervals=tuple(spans),
        inputs=tuple(step.inputs),
        transfers=tuple(Part(**part) for part in step.transfers),
        layer_bytes=step.layer_bytes,
    )


def _before(build: Build) -> Build | None:
    """The newest success of the rule before this build, among the last builds of the repository."""
    if build.rule_id is None:
        return None
    rows = Build.objects.filter(repository=build.repository_id, rule=build.rule_id, state=State.SUCCEEDED)
    near = rows.filter(number__lt=build.number, number__gt=build.number - _NEAR)
    return near.order_by("-number").first()
