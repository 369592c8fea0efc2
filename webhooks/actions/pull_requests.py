"""What a pull request's delivery does: builds of a new commit, an end to those of a closed one. Decides nothing."""

from __future__ import annotations

from builds.actions import Order
from builds.actions.pull_requests import close_pull_request, request_pull_request
from builds.models import Build, Source
from lib.humanize import plural
from webhooks.actions.decide import Decision, Status, pull_request_of, pull_request_sentence
from webhooks.models import Delivery
from webhooks.providers import PullRequestEvent


def describe_pull_request(delivery: Delivery, event: PullRequestEvent) -> None:
    """Put what it says of itself into the columns that lists show."""
    delivery.ref_type, delivery.ref = "pull_request", event.base_ref[:255]
    delivery.commit, delivery.commit_message = event.head_commit, event.title


def take_pull_request(
    delivery: Delivery,
    source: Source,
    event: PullRequestEvent,
    decision: Decision,
    *,
    cause: Build.Cause = Build.Cause.PULL_REQUEST,
    detail: str = "",
) -> None:
    """Act on a decision, and say in the delivery's row what came of it; inside the caller's transaction."""
    added = delivery.sentence.removeprefix(decision.sentence)
    if event.action == "closed":
        stopped = close_pull_request(source, event.number)
        if stopped:
            were = "was" if stopped == 1 else "were"
            delivery.sentence = f"{decision.sentence} {plural(stopped, 'build')} of it {were} stopped.{added}"
            delivery.save(update_fields=["sentence"])
        return
    if decision.status not in (Status.BUILT, Status.NOTHING):
        return
    order = Order(
        cause=cause,
        detail=detail or f"#{event.number} {event.action} by {event.author or event.sender or 'somebody'}",
        delivery_id=delivery.pk,
        commit_message=event.title,
        commit_author=event.author,
        pull_request=pull_request_of(event),
    )
    builds = request_pull_request(source, pull_request_of(event), event.head_commit, decision.verdicts, order)
    if not builds:
        return  # the builds of its earlier commits ended all the same
    delivery.build_ids = [build.pk for build in builds]
    delivery.sentence = pull_request_sentence(pull_request_of(event), decision.verdicts, builds) + added
    delivery.save(update_fields=["build_ids", "sentence"])
