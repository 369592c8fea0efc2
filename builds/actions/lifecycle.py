"""How a run ends: success, failure, stopped, handed back, or found dead by the sweep."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.timezone import localtime

from builds.actions.bases import note_tags, record_bases
from builds.actions.destination_pushes import ask_destination_pushes
from builds.actions.pausing import note_end
from builds.actions.runs import Run, record_event
from builds.core.errors import BuildError, ErrorKind
from builds.core.failure_alike import failure_key
from builds.core.states import FINAL, RUNNING, State
from builds.models import Build, Step
from lib.clock import database_now
from lib.queue import enqueue
from registry.actions import TagPut, record_tags

log = structlog.get_logger(__name__)
# Backoff after a fault that is not the user's: seconds before attempt 2, 3, …
BACKOFF_S = (10, 60, 180)
# The same after a worker was lost: that took its lease to be noticed, so the build has waited already.
LOST_BACKOFF_S = (2, 20, 60)
# A build that met a full disk waits so long at least, and for room; one that fills disks itself must come to an end.
SPACE_BACKOFF_S = 60
MOST_FULL_DISKS = 5
_REASON = 300  # what `Build.wait_reason` and `Build.skip_reason` hold
OURSELVES = "Imageyard"


def succeed(
    run: Run, build: Build, puts: Sequence[TagPut], *, media_type: str, size_bytes: int | None, digest: str
) -> bool:
    """The end everybody wants: state, tags and their history in one transaction. False: the lease was lost."""
    now = timezone.now()
    with transaction.atomic():
        changed = (
            run.rows()
            .filter(state=State.PUBLISHING)
            .update(
                state=State.SUCCEEDED,
                finished_at=now,
                lease_until=None,
                digest=digest,
                size_bytes=size_bytes,
                tags=[put.name for put in puts if put.moved],
                moves=[{"tag": put.name, "moved": put.moved, "sentence": put.sentence} for put in puts],
                publication={},
                superseded_by=None,
            )
        )
        if not changed:
            return False
        record_tags(
            build.repository,
            puts,
            digest=digest,
            media_type=media_type,
            size_bytes=size_bytes,
            build_number=build.number,
        )
        build.digest = digest
        record_bases(build)
        note_tags(build, [put.name for put in puts if put.moved and put.name != build.build_tag], digest)
        if digest:
            ask_destination_pushes(build, [put.name for put in puts if put.moved], digest)
        note_end(run.build_id, run.attempt, State.SUCCEEDED)
        _finished(run.build_id, run.attempt, State.SUCCEEDED)
    return True


def fail(run: Run, error: BuildError, *, alike: str = "", backoff_s: Sequence[float] = BACKOFF_S) -> bool:
    """End a run with a fault. One that may pass by itself is tried again after a pause; the rest is final.

    `alike` is the key of failures alike, where the output of the run tells more than the error. False: the lease was
    lost, nothing changed.
    """
    build = run.rows().first()
    if build is None:
        return False
    failures = build.platform_failures + 1
    if error.retryable and build.cancel_requested_at is not None:
        return stop(run)
    if error.needs_space:
        return _wait_for_space(run, build, error, alike)
    if error.retryable and failures < settings.MAX_ATTEMPTS:
        wait = backoff_s[min(failures, len(backoff_s)) - 1]
        again = f" It is tried again by itself (attempt {failures + 1} of {settings.MAX_ATTEMPTS})."
        reason = f"{_shortened(error.message, _REASON - len(again))}{again}"
        return _back_to_queue(run, reason, wait_s=wait, platform_failures=failures)
    return _end(
        run,
        State.FAILED,
        is_platform=error.retryable or error.kind in (ErrorKind.PLATFORM, ErrorKind.BUILDER),
        error_kind=error.kind,
        error_message=f"{error.message} It was tried {failures} times." if error.retryable else error.message,
        error_step=(error.step or "")[:500],
        error_line=error.dockerfile_line,
        failure_key=alike or failure_key(error.kind, error.step or "", error.message),
        platform_failures=failures if error.retryable else build.platform_failures,
    )


def _wait_for_space(run: Run, build: Build, error: BuildError, alike: str) -> bool:
    """A full disk costs no attempt: the build waits until there is room, unless it fills every disk that it meets."""
    met = build.space_failures + 1
    if met < MOST_FULL_DISKS:
        again = " It waits for room and starts again by itself; that uses up none of its attempts."
        reason = f"{_shortened(error.message, _REASON - len(again))}{again}"
        return _back_to_queue(run, reason, wait_s=SPACE_BACKOFF_S, space_failures=met)
    return _end(
        run,
        State.FAILED,
        is_platform=True,
        error_kind=error.kind,
        error_message=f"{error.message} It met a full disk {met} times although there was room when it began: it may "
        "itself need more than there is.",
        error_step=(error.step or "")[:500],
        error_line=error.dockerfile_line,
        failure_key=alike or failure_key(error.kind, error.step or "", error.message),
        space_failures=met,
    )


def stop(run: Run) -> bool:
    """End a run that was asked to stop: cancelled by a person, or superseded by a newer push."""
    build = run.rows().first()
    if build is None:
        return False
    return _end(run, State.SUPERSEDED if build.superseded_by_id else State.CANCELLED)


def skip(run: Run, reason: str) -> bool:
    """End a run that has nothing to build. It is `cancelled` by Imageyard itself, and `reason` says why."""
    return _end(run, State.CANCELLED, cancelled_by=OURSELVES, skip_reason=_shortened(reason, _REASON))


def hand_back(run: Run) -> bool:
    """Put a run back into the queue because its worker shuts down. It costs the build nothing but time."""
    return _back_to_queue(run, "Its worker was shut down and handed it back; the next free worker takes it.", wait_s=0)


def sweep(now: datetime) -> int:
    """Take the builds of workers that disappeared away from them. Gives how many; running it twice is harmless."""
    swept = 0
    for build in Build.objects.filter(state__in=RUNNING, lease_until__lt=now):
        run = Run(build.pk, build.attempt, lapsed=now)
        try:
            gone = fail(run, _worker_lost(build), backoff_s=LOST_BACKOFF_S)
        except Exception:  # the loop's edge: one build that cannot be ended must not keep the others from it
            log.exception("a lost build could not be taken away", build=build.pk)
        else:
            swept += gone
    return swept


def _worker_lost(build: Build) -> BuildError:
    since = localtime(build.lease_until or timezone.now()) - timedelta(seconds=settings.LEASE_S)
    sentence = f"The worker that ran this build disappeared at {since:%H:%M} ({since.tzname()})."
    return BuildError(ErrorKind.PLATFORM, sentence, retryable=True)


def _back_to_queue(run: Run, reason: str, *, wait_s: float, **fields: Any) -> bool:
    now = timezone.now()
    with transaction.atomic():
        # Asked to stop at the last moment: it must not wait for another attempt first.
        changed = (
            run.rows()
            .filter(cancel_requested_at=None)
            .update(
                state=State.QUEUED,
                lease_until=None,
                worker="",
                started_at=None,
                deadline_at=None,
                not_before=database_now() + timedelta(seconds=wait_s),
                wait_reason=_shortened(reason, _REASON),
                **fields,
            )
        )
        if not changed:
            return stop(run)
        _close_steps(run, now)
        record_event(run.build_id, "queued", run.attempt, reason=reason)
        enqueue("builds.archive_log", run.build_id, run.attempt)
        enqueue("builds.run_next", expires_s=60, after_s=wait_s)
    return True


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _end(run: Run, state: State, *, is_platform: bool = False, **fields: Any) -> bool:
    now = timezone.now()
    with transaction.atomic():
        if not run.rows().update(state=state, finished_at=now, lease_until=None, wait_reason="", **fields):
            return False
        _close_steps(run, now)
        note_end(run.build_id, run.attempt, state, is_platform=is_platform)
        _finished(run.build_id, run.attempt, state, **({"skipped": True} if fields.get("skip_reason") else {}))
    return True


def _close_steps(run: Run, now: datetime) -> None:
    open_steps = Step.objects.filter(build_id=run.build_id, attempt=run.attempt)
    open_steps.filter(state=Step.State.RUNNING).update(state=Step.State.CANCELLED, finished_at=now)


def _finished(build_id: int, attempt: int, state: State, **detail: Any) -> None:
    assert state in FINAL
    record_event(build_id, "finished", attempt, state=state.value, **detail)
    # By its name alone: who reads the outbox, and what comes of it, is a matter of rooms above.
    enqueue("webhooks.read_build_events", expires_s=60)
    enqueue("builds.archive_log", build_id, attempt)
    # A slot is free, and the repository too: let the next one in without waiting for the tick.
    enqueue("builds.run_next", expires_s=60)
