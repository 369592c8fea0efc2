"""Builds of strangers' code that wait for a member's word: what they are made with, and a worker's look at it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from builds.actions.runs import record_event
from builds.core.pull_requests import PullRequest
from builds.core.refnames import Ref
from builds.models import Build, BuildRule, Review
from lib.clock import database_now
from lib.queue import enqueue

APPROVAL = "approval"
ASKED_FOR = timedelta(days=7)


def trust_fields(rule: BuildRule, ref: Ref, commit: str, pull_request: PullRequest | None) -> dict[str, Any]:
    """The columns that say how far a new build is trusted.

    Whatever is built of a pull request is untrusted: no secrets, no hooks, no shared cache. What comes from a fork
    also waits for a member, unless one has approved exactly this commit for this rule before.
    """
    if ref.type != "pull_request":
        return {}
    fields: dict[str, Any] = {"untrusted": True}
    if pull_request is None:
        return fields
    fields["pull_request"] = pull_request.as_json()
    if not pull_request.fork:
        return fields
    earlier = Build.objects.filter(rule=rule, commit=commit, pull_request__number=pull_request.number)
    approved = earlier.exclude(approved_at=None).order_by("pk").first() if commit else None
    if approved is not None:
        return fields | {"approved_by": approved.approved_by, "approved_at": approved.approved_at}
    return fields | held_again()


def held_again() -> dict[str, Any]:
    """The columns of an open question, from now on."""
    return {"hold": APPROVAL, "hold_until": database_now() + ASKED_FOR}


def ask_for_approval(build: Build) -> None:
    """Tell members that there is a question, and let a worker show what it is about; nothing for other builds."""
    if build.hold != APPROVAL:
        return
    told = {name: build.pull_request.get(name) for name in ("number", "title", "url", "author")}
    until = build.hold_until.isoformat() if build.hold_until else ""
    record_event(build.pk, "approval_needed", build.attempt, commit=build.commit, until=until, **told)
    request_review(build)


def request_review(build: Build) -> None:
    """Ask a worker to look at what the commit changes. Again asks again, where there is no answer yet."""
    review, _ = Review.objects.get_or_create(build=build, defaults={"commit": build.commit})
    if review.state != Review.State.GOOD:
        Review.objects.filter(pk=review.pk).update(state=Review.State.ASKED, asked_at=timezone.now())
        enqueue("builds.review_build", build.pk, expires_s=300)


def record_review(build: Build, **fields: Any) -> None:
    """What the worker found of the commit that it was asked about."""
    Review.objects.filter(build=build, commit=build.commit).update(made_at=timezone.now(), **fields)
