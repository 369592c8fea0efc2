"""Read-only questions that span tables: what is said of a build, the steps of an attempt. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.conf import settings
from django.db.models import F
from django.utils import timezone
from django.utils.timezone import localtime

from builds.actions.rules_taken import file_rule_of
from builds.core.rules import RuleSpec
from builds.core.rulesfile_write import write_rules_file
from builds.core.states import State
from builds.models import Build, Source, Step
from builds.waits import QueueEntry, queue


def rules_of(source: Source) -> list[RuleSpec]:
    """The rules of a source as the evaluator reads them."""
    return [rule.spec for rule in source.rules.all()]


def written_rules(source: Source, schema_url: str = "") -> str:
    """The rules of a source as the text of `.imageyard.yml`."""
    return write_rules_file(map(file_rule_of, source.rules.all()), schema_url=schema_url)


def steps_of(build: Build, attempt: int | None = None) -> list[Step]:
    """The steps of one attempt, the newest by default, in order."""
    return list(build.steps.filter(attempt=attempt or build.attempt).order_by("index"))


# The columns that a sentence is made of, for lists that read no others.
SAID = (
    "number",
    "state",
    "hold",
    "hold_until",
    "pull_request",
    "untrusted",
    "wait_reason",
    "lease_until",
    "cancel_requested_at",
    "cancelled_by",
    "cancel_reason",
    "skip_reason",
    "error_message",
    "tags",
    "moves",
    "superseded_by__number",
)


def sentence_of(build: Build) -> str:
    """What a person reads under the state, whatever the state is."""
    return sentences_of([build])[build.pk]


def sentences_of(builds: Iterable[Build], entries: Sequence[QueueEntry] | None = None) -> dict[int, str]:
    """`sentence_of` for many builds with a constant number of queries; `entries` is the queue where it is at hand."""
    builds = list(builds)
    queued = {build.pk for build in builds if build.state == State.QUEUED}
    if queued and entries is None:
        entries = queue()
    waits = {entry.build_id: entry.sentence for entry in entries or () if entry.build_id in queued}
    return {build.pk: waits.get(build.pk) or _told(build) for build in builds}


_UNDER_WAY = {
    State.PREPARING: "Checking out the source.",
    State.BUILDING: "Building the image.",
    State.TESTING: "Testing the image.",
    State.PUBLISHING: "The image is pushed; its tags are being put.",
}


def _told(build: Build) -> str:
    state = State(build.state)
    if state is State.QUEUED and build.hold:
        return _asked(build)
    if state is State.QUEUED:
        return build.wait_reason or "Waiting for a worker."
    if state in _UNDER_WAY:
        return _lost(build) or _stopping(build) or _UNDER_WAY[state]
    if state is State.SUCCEEDED:
        return _succeeded(build)
    if state is State.FAILED:
        return build.error_message or "It failed, and the reason was not written down."
    return _given_up(build)


def _asked(build: Build) -> str:
    number = build.pull_request.get("number", "")
    until = f" The question expires on {localtime(build.hold_until):%Y-%m-%d}." if build.hold_until else ""
    return f"It waits for a member's approval, as pull request #{number} comes from a fork.{until}"


def _given_up(build: Build) -> str:
    if build.skip_reason:
        return build.skip_reason
    if build.state == State.CANCELLED:
        why = f" {build.cancel_reason}" if build.cancel_reason else ""
        return f"Cancelled by {build.cancelled_by or 'somebody'}.{why}"
    by = build.superseded_by
    return f"Superseded by build #{by.number} of a newer push." if by else "Superseded by a newer push."


def _lost(build: Build) -> str:
    """For a build whose worker is silent for longer than a sweep would leave it: there is no worker to sweep."""
    if build.lease_until is None or timezone.now() - build.lease_until < timedelta(seconds=settings.LEASE_S):
        return ""
    since = localtime(build.lease_until) - timedelta(seconds=settings.LEASE_S)
    return (
        f"The worker that ran this build disappeared at {since:%H:%M} ({since.tzname()}), and no other one is there. "
        "It starts again by itself when a worker is."
    )


def _stopping(build: Build) -> str:
    return f"Stopping: cancelled by {build.cancelled_by}." if build.cancel_requested_at and build.cancelled_by else ""


def _succeeded(build: Build) -> str:
    if not build.is_pushed:
        return "It builds. The image was not pushed, since nobody of this repository has taken its code over yet."
    put = [tag for tag in build.tags if tag != build.build_tag]
    named = ", ".join(f"`{tag}`" for tag in put)
    stayed = [move["sentence"] for move in build.moves if not move["moved"]]
    first = f"The image is there as {named}." if put else f"The image is there as `{build.build_tag}`."
    return " ".join([first, *stayed])


def last_builds(repository_ids: Sequence[int]) -> dict[int, Build]:
    """The newest build of each repository, in one query."""
    newest = Build.objects.filter(repository_id__in=repository_ids).order_by("repository_id", "-number")
    seen: dict[int, Build] = {}
    for build in newest.filter(number=F("repository__build_sequence__last")):
        seen.setdefault(build.repository_id, build)
    return seen
