"""The reconciler: what the forge says of builds of the last two days is what it should say."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from builds.models import Build
from tests.factories import make_build
from webhooks.errands.reconcile import reconcile
from webhooks.errands.statuses import send_statuses
from webhooks.models import CommitStatus, ForgeConnection

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]
LATER = timedelta(minutes=10)


def ended(hours_ago: float = 1, **fields) -> Build:
    at = timezone.now() - timedelta(hours=hours_ago)
    return make_build(**{"state": "succeeded", "tags": ["latest"], "finished_at": at, **fields})


def work(after: timedelta = timedelta()) -> int:
    repaired = reconcile(timezone.now() + after)
    send_statuses(timezone.now() + after)
    return repaired


def test_a_build_that_nobody_told_of_it_tells(linked, forge):
    ended()
    assert work() == 1
    assert len(forge.posted) == 1
    assert work(LATER) == 0


def test_what_the_forge_lost_it_tells_again(linked, forge):
    ended()
    work()
    forge.posted.clear()
    assert work(LATER) == 1
    assert len(forge.posted) == 1


def test_what_somebody_else_overwrote_it_tells_again(linked_github, github):
    ended()
    work()
    github.posted.append({**github.posted[0], "state": "failure"})
    assert work(LATER) == 1
    assert github.posted[-1]["state"] == "success"


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "cancelled", "cancelled_by": "wendy"},
        {"state": "superseded"},
        {"state": "failed", "error_kind": "registry", "error_message": "Full."},
        {"state": "cancelled", "skip_reason": "Skipped: nothing changed."},
    ],
)
def test_states_that_a_forge_has_no_word_for_it_does_not_take_for_wrong(linked, forge, fields):
    ended(**fields)
    work()
    posted = len(forge.posted)
    assert work(LATER) == 0
    assert len(forge.posted) == posted


def test_a_commit_that_agreed_it_leaves_alone_for_half_a_day(linked_github, github):
    ended()
    work()
    work(LATER)
    asked = len(github.asked)
    work(timedelta(hours=1))
    assert len(github.asked) == asked
    github.posted.clear()
    assert work(timedelta(hours=13)) == 1


def test_older_builds_it_leaves_alone(linked_github, github):
    ended(hours_ago=49)
    assert work() == 0
    assert github.asked == []


def test_a_status_that_was_given_up_it_tells_once_the_forge_can_take_it(linked_github, github):
    ended()
    github.fails(404)
    work()
    assert CommitStatus.objects.get().is_given_up
    github.heals()
    assert work(LATER) == 1
    assert len(github.posted) == 1


def test_a_forge_that_is_away_it_leaves_alone_after_one_request(linked_github, github):
    for letter in "bcde":
        ended(commit=letter * 40)
    work()
    github.fails(500)
    asked = len(github.asked)
    reconcile(timezone.now() + LATER)
    assert len(github.asked) == asked + 1
    assert ForgeConnection.objects.get().failures == 1
