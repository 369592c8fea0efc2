"""What pull requests ask for and what becomes of it: builds, questions to members, their answers, and the end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import User
from builds.actions.holds import APPROVAL
from builds.actions.request import Order, request_builds
from builds.actions.runs import record_event
from builds.core.plan import Verdict
from builds.core.pull_requests import PullRequest
from builds.core.states import RUNNING, State
from builds.models import Build, Review, Source
from lib.clock import database_now
from lib.queue import enqueue
from lib.refusal import Refused

BY_ITSELF = "Imageyard"
_HASH = 40


def set_pull_requests(actor: User, source: Source, policy: str) -> None:
    """Whose pull requests are built from now on. Questions that are open stay open. Raises Refused."""
    if policy not in Source.PullRequests.values:
        raise Refused(f"Pull requests are one of {', '.join(Source.PullRequests.values)}.")
    with transaction.atomic():
        Source.objects.filter(pk=source.pk).update(pull_requests=policy)
        audit.record(actor, "source.pull_requests", source.repository, policy)
    source.pull_requests = policy


def request_pull_request(
    source: Source, pull_request: PullRequest, commit: str, verdicts: Sequence[Verdict], order: Order
) -> list[Build]:
    """The builds of a pull request's newest commit, inside the caller's transaction; again gives the same ones.

    Those of its earlier commits are pointless now: what waits or asks is superseded, what runs is stopped.
    """
    # The source's row: two deliveries of one push may come at the same moment.
    Source.objects.select_for_update().filter(pk=source.pk).first()
    commit = _whole(source, pull_request.number, commit)
    builds = request_builds(source, pull_request.ref, commit, verdicts, order)
    rows = _of(source, pull_request.number).exclude(commit=commit)
    by = builds[0] if builds else None
    for build in rows.exclude(pk__in=[build.pk for build in builds]):
        _end(build, f"{pull_request.name.capitalize()} has a newer commit.", superseded_by=by)
    return builds


def _whole(source: Source, number: int, commit: str) -> str:
    """The whole hash of a commit that a forge names by its first digits, where a build has learnt it."""
    if len(commit) >= _HASH:
        return commit
    known = Build.objects.filter(
        repository=source.repository, pull_request__number=number, commit__startswith=commit
    ).order_by("-pk")
    return known.values_list("commit", flat=True).first() or commit


def close_pull_request(source: Source, number: int) -> int:
    """The pull request is over, merged or not: nothing of it waits or runs any more. Gives how many were stopped."""
    return sum(_end(build, f"Pull request #{number} was closed.") for build in _of(source, number))


def _of(source: Source, number: int) -> Any:
    return Build.objects.active().filter(repository=source.repository, pull_request__number=number)


def _end(build: Build, reason: str, *, superseded_by: Build | None = None) -> bool:
    now = timezone.now()
    asked: dict[str, Any] = {"cancelled_by": BY_ITSELF, "cancel_reason": reason}
    waiting = Build.objects.filter(pk=build.pk, state=State.QUEUED)
    state = State.SUPERSEDED if superseded_by else State.CANCELLED
    if waiting.update(
        state=state, superseded_by=superseded_by, finished_at=now, cancel_requested_at=now, wait_reason="", **asked
    ):
        record_event(build.pk, "finished", build.attempt, state=state.value)
        return True
    running = Build.objects.filter(pk=build.pk, state__in=RUNNING, cancel_requested_at=None)
    if running.update(cancel_requested_at=now, superseded_by=superseded_by, **asked):
        record_event(build.pk, "cancel", build.attempt, by=BY_ITSELF)
        return True
    return False


def approve_build(actor: User, build: Build, commit: str) -> Build:
    """Let the code of exactly this commit run, since the person has seen what it changes. Raises Refused."""
    if not commit or commit != build.commit:
        raise Refused(
            f"The approval is for commit {commit[:7] or '(none)'}, and build #{build.number} is of "
            f"{build.commit[:7]}. Look at that one.",
            code="conflict",
        )
    review = Review.objects.filter(build=build, commit=commit, state=Review.State.GOOD).first()
    if review is None and build.hold == APPROVAL:
        raise Refused(
            "A worker has not shown yet what this commit changes, so there is nothing to approve. Wait for it, or ask "
            "it to look again.",
            code="conflict",
        )
    now = timezone.now()
    with transaction.atomic():
        # Once it is over, its question is answered too: somebody declined, it expired, or a newer commit came.
        held = Build.objects.filter(pk=build.pk, state=State.QUEUED, hold=APPROVAL, commit=commit)
        if not held.update(
            hold="", hold_until=None, approved_by=actor.get_username(), approved_at=now, not_before=database_now()
        ):
            raise _answered(build)
        record_event(build.pk, "approved", build.attempt, by=actor.get_username(), commit=commit)
        audit.record(actor, "build.approve", build, f"pull request #{build.pull_request.get('number')} at {commit}")
        enqueue("builds.run_next", expires_s=60)
    build.refresh_from_db()
    return build


def decline_build(actor: User, build: Build, reason: str = "") -> Build:
    """Do not let it run. A new push asks again. Raises Refused where there is no question open."""
    now = timezone.now()
    with transaction.atomic():
        held = Build.objects.filter(pk=build.pk, state=State.QUEUED, hold=APPROVAL)
        said = reason.strip()[:200]
        if not held.update(
            state=State.CANCELLED,
            cancelled_by=actor.get_username(),
            cancel_reason=f"Its approval was declined{f': {said}' if said else '.'}",
            cancel_requested_at=now,
            finished_at=now,
            wait_reason="",
        ):
            raise _answered(build)
        record_event(build.pk, "finished", build.attempt, state=State.CANCELLED.value)
        audit.record(actor, "build.decline", build, f"pull request #{build.pull_request.get('number')} {said}".strip())
    build.refresh_from_db()
    return build


def _answered(build: Build) -> Refused:
    build.refresh_from_db()
    if build.approved_by:
        return Refused(f"Build #{build.number} was approved by {build.approved_by} already.", code="conflict")
    if build.is_final:
        return Refused(
            f"Build #{build.number} is over ({build.state}): there is no question any more.", code="conflict"
        )
    return Refused(f"Build #{build.number} waits for no approval.", code="conflict")


def expire_questions(now: datetime) -> int:
    """End what nobody answered in time. Gives how many; twice is harmless."""
    late = Build.objects.filter(state=State.QUEUED, hold=APPROVAL, hold_until__lt=now)
    ended = 0
    for build in late.order_by("hold_until")[:100]:
        with transaction.atomic():
            ended += _end(build, "Nobody approved it in time. A new push to the pull request asks again.")
    return ended


def ring_for_reviews(now: datetime) -> None:
    """One ring for each review that was asked for a while ago and not made: its bell was lost."""
    waiting = Review.objects.filter(state=Review.State.ASKED, asked_at__lt=now - timedelta(seconds=30))
    for pk in waiting.filter(build__state=State.QUEUED).values_list("build_id", flat=True)[:16]:
        enqueue("builds.review_build", pk, expires_s=9)
