"""The end of a run with a fault: what the top of the build's page tells of it is kept, then the build ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
from django.core.files.storage import storages

from builds.actions import lifecycle
from builds.actions.records import save_record
from builds.core.errors import BuildError
from builds.core.failure_digest import LAST_LINES, FailureDigest, last_lines
from builds.logs.reader import LogReader
from builds.models import Step
from builds.models.log import DatabaseFrames
from builds.pipeline.job import Job

log = structlog.get_logger(__name__)
LAST_WORDS = "The builder's last words"
"""The step of ours under which the plain-text end of buildx's output is kept."""

# Blank lines at the end are not counted.
_READ_LINES = 2 * LAST_LINES
_READ_BYTES = 256 * 1024


def fail(job: Job, error: BuildError) -> None:
    """End a run with a fault. Its digest is kept first, so that whoever hears of the end can read it.

    Also for a fault after which the build waits for another attempt.
    """
    key = ""
    try:
        digest = _digest(job, error)
        save_record(job.run, failure=digest.as_json())
        key = digest.key
    except Exception:  # the edge: whatever is wrong with the digest, the build must get its end
        log.exception("the digest of a failure was not kept", build=job.build.pk)
    lifecycle.fail(job.run, error, alike=key)


def _digest(job: Job, error: BuildError) -> FailureDigest:
    rows = job.logbook.rows
    step = failing(rows, error.step or "")
    spoke = _spoke(rows, step)
    lines, total = _read(job, spoke) if spoke else ((), 0)
    return FailureDigest(
        kind=error.kind.value,
        message=error.message,
        step=step.name if step else error.step or "",
        step_index=step.index if step else None,
        dockerfile_line=error.dockerfile_line,
        attempt=job.run.attempt,
        log_index=spoke.index if spoke else None,
        lines=lines,
        lines_total=total,
        silent_s=job.logbook.silent_s(step.index) if step else None,
        step_s=_took(step),
    )


def _took(step: Step | None) -> float | None:
    if step is None or step.started_at is None or step.finished_at is None:
        return None
    return (step.finished_at - step.started_at).total_seconds()


def failing(rows: Sequence[Step], name: str) -> Step | None:
    """The step that the error names; else the last that failed, and where none did the last that was cut off."""
    named = [row for row in rows if name and row.name == name]
    failed = [row for row in rows if row.state == Step.State.FAILED and row.name != LAST_WORDS]
    cut = [row for row in rows if row.state == Step.State.CANCELLED and not row.internal]
    return next((found[-1] for found in (named, failed, cut) if found), None)


def _spoke(rows: Sequence[Step], step: Step | None) -> Step | None:
    """The step whose lines tell of the failure: the failing one, or what buildx said in the end where it is silent."""
    if step is not None and step.lines:
        return step
    return next((row for row in reversed(rows) if row.name == LAST_WORDS and row.lines), None)


def _read(job: Job, step: Step) -> tuple[Any, int]:
    reader = LogReader(job.build.pk, job.run.attempt, store=DatabaseFrames(), storage=storages["logs"])
    found = reader.tail(step.index, _READ_LINES, _READ_BYTES)
    return last_lines(found.lines, found.first_line), found.total
