"""Builds whose steps have times and inputs, and how one goes on while somebody looks. Orders come by `build_scenes`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from builds.actions.runs import record_event
from builds.live.steps import step_fields
from builds.logs.stream import connect
from builds.logs.writer import LogWriter
from builds.models import Build, Step
from builds.models.log import DatabaseFrames
from tests.factories import make_build, make_repository, make_rule, make_source
from tests.timed_steps import add_timed_steps

# The fixture's times are those of a build of a minute; nobody wants to look for so long.
WHOLE_S = 63.4


def timed_build(path: str = "acme/timed", *, until_s: float = 10, before: int = 2) -> dict[str, Any]:
    """A build that runs since `until_s` seconds, and as many successes before it; its page's path and id."""
    source = make_source(make_repository(path))
    rule = source.rules.first() or make_rule(source)
    now = timezone.now()
    for number in range(before):
        started = now - timedelta(hours=before - number)
        ended = started + timedelta(seconds=WHOLE_S)
        made = _build(rule, state="succeeded", started_at=started, finished_at=ended)
        add_timed_steps(made, pace=1.1)
    row = _build(rule, state="building", started_at=now - timedelta(seconds=until_s), worker="w1@host")
    add_timed_steps(row, until_s=until_s)
    return {"id": row.pk, "path": row.get_absolute_url(), "before": row.number - 1}


def _build(rule, **fields: Any) -> Build:
    return make_build(rule, attempt=1, commit=f"{Build.objects.count() + 1:040x}", **fields)


def timed_on(build_id: int, *, until_s: float, step: int, moved: int = 0) -> dict[str, Any]:
    """The build as it is `until_s` seconds after its claim; `step` is in the news, with bytes that it has moved."""
    row = Build.objects.get(pk=build_id)
    Step.objects.filter(build=row).delete()
    add_timed_steps(row, until_s=until_s)
    with _writer(row) as writer:
        writer.event("step", step_fields(Step.objects.get(build=row, index=step)))
        if moved:
            writer.event("progress", {"step": step, "id": "transferring context:", "current": moved, "total": 0})
    return {}


def timed_end(build_id: int) -> dict[str, Any]:
    """It succeeds."""
    row = Build.objects.get(pk=build_id)
    Step.objects.filter(build=row).delete()
    add_timed_steps(row)
    ended = row.started_at + timedelta(seconds=WHOLE_S) if row.started_at else None
    Build.objects.filter(pk=build_id).update(state="succeeded", finished_at=ended)
    record_event(build_id, "finished", 1, state="succeeded")
    return {}


def _writer(row: Build) -> LogWriter:
    store = DatabaseFrames(fenced=False)
    return LogWriter(row.pk, row.attempt, store=store, redis=connect(settings.REDIS_URL))
