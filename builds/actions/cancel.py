"""Stopping builds: by a person, or because a newer push made them pointless."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import User
from builds.actions.runs import record_event
from builds.core.states import RUNNING, State
from builds.models import Build, BuildRule
from builds.models.build import HALF_PUBLISHED, is_half_published
from lib.refusal import Refused


def cancel_build(actor: User, build: Build, reason: str = "") -> Build:
    """Stop a build. A queued one is over at once; a running one is asked to stop, and its worker obeys within 10 s.

    Asking again is harmless. Raises Refused where the build is over already.
    """
    with transaction.atomic():
        # A build may go from the queue to a worker and back between two looks: look again until it was met.
        while not _cancelled(actor, build, reason):
            build.refresh_from_db()
            if build.cancel_requested_at is not None:
                break
            if build.is_final:
                raise Refused(
                    f"Build #{build.number} is over already: it {_ENDED[State(build.state)]}.", code="conflict"
                )
            if is_half_published(build):
                raise Refused(
                    f"Build #{build.number} was cut off while its tags were being put, so that is finished first. "
                    "It starts again by itself.",
                    code="conflict",
                )
    build.refresh_from_db()
    return build


_ENDED = {
    State.SUCCEEDED: "succeeded",
    State.FAILED: "failed",
    State.CANCELLED: "was cancelled",
    State.SUPERSEDED: "was superseded",
}


def _cancelled(actor: User, build: Build, reason: str) -> bool:
    """One look at where the build is; False where it was neither waiting nor running at that moment."""
    now = timezone.now()
    asked: dict[str, Any] = {"cancelled_by": actor.get_username(), "cancel_reason": reason[:300]}
    rows = Build.objects.filter(pk=build.pk)
    waiting = rows.filter(state=State.QUEUED).exclude(HALF_PUBLISHED)
    if waiting.update(state=State.CANCELLED, cancel_requested_at=now, finished_at=now, wait_reason="", **asked):
        record_event(build.pk, "finished", build.attempt, state=State.CANCELLED.value)
    elif rows.filter(state__in=RUNNING, cancel_requested_at=None).update(cancel_requested_at=now, **asked):
        record_event(build.pk, "cancel", build.attempt, by=actor.get_username())
    else:
        return False
    audit.record(actor, "build.cancel", build, reason)
    return True


def supersede_older(build: Build, rule: BuildRule) -> None:
    """A newer push of the same rule and ref makes older queued builds pointless, and running ones where the rule says.

    A build of what this push started from is older; one whose push started from this commit is newer, whatever order
    the deliveries came in, and stays.
    """
    if build.cause != Build.Cause.PUSH or build.ref_type != BuildRule.RefType.BRANCH:
        return
    older = (
        Build.objects.active()
        .filter(rule=rule, ref_type=build.ref_type, ref=build.ref, cause=Build.Cause.PUSH, number__lt=build.number)
        .exclude(pk=build.pk)
    )
    if build.commit:
        older = older.exclude(before=build.commit)
    now = timezone.now()
    for pk, attempt in older.filter(state=State.QUEUED).exclude(HALF_PUBLISHED).values_list("pk", "attempt"):
        if Build.objects.filter(pk=pk, state=State.QUEUED).update(
            state=State.SUPERSEDED, superseded_by=build, finished_at=now, wait_reason=""
        ):
            record_event(pk, "finished", attempt, state=State.SUPERSEDED.value, by=build.number)
    running = older.filter(state__in=RUNNING, cancel_requested_at=None) if rule.supersedes_running else older.none()
    for pk, attempt in list(running.values_list("pk", "attempt")):
        if running.filter(pk=pk).update(cancel_requested_at=now, superseded_by=build):
            record_event(pk, "cancel", attempt, by=f"build #{build.number}")
