"""A forge that is away for a day, seen by the clock: beat ticks every few minutes, and nothing else happens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import time_machine

from builds.actions.claim import claim_next
from builds.actions.lifecycle import fail
from builds.actions.runs import record_event
from builds.core.errors import BuildError, ErrorKind
from tests.factories import make_build
from webhooks import tasks
from webhooks.models import CommitStatus, ForgeConnection

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]
START = datetime(2026, 7, 11, 12, 0, tzinfo=UTC)
CONTEXT = "imageyard/acme/web (main)"


@pytest.fixture
def clock(own_clock):
    with time_machine.travel(START, tick=False) as moved:
        yield moved


def tick() -> None:
    tasks.tick()
    tasks.send_statuses()


def build_and_fail() -> None:
    build = make_build()
    record_event(build.pk, "queued")
    tick()
    fail(claim_next("worker-1"), BuildError(ErrorKind.USER, "It broke."))


@pytest.mark.parametrize("status", [500, 401, 429])
def test_a_day_of_refusals_it_outlasts(linked_github, github, clock, status):
    github.fails(status)
    build_and_fail()
    for _ in range(24 * 2):
        tick()
        clock.shift(timedelta(minutes=30))
    assert github.posted == []
    assert 10 < len(github.asked) < 100
    github.heals()
    clock.shift(timedelta(minutes=31))
    tick()
    assert github.states(CONTEXT) == ["failure"]
    assert ForgeConnection.objects.get().failing_sentence == ""


def test_the_pauses_between_tries_it_makes_longer(linked_github, github, clock):
    github.fails(503)
    build_and_fail()
    moments = []
    for minutes in [2] * 30 + [5] * 36:
        before = len(github.asked)
        tick()
        if len(github.asked) > before:
            moments.append(clock_minutes())
        clock.shift(timedelta(minutes=minutes))
    pauses = [later - earlier for earlier, later in pairwise(moments)]
    assert pauses == sorted(pauses[:5]) + pauses[5:]
    assert max(pauses) <= 41  # half an hour, a fifth more by jitter, and a tick


def clock_minutes() -> int:
    return int((datetime.now(UTC) - START).total_seconds() // 60)


def test_an_hour_that_the_forge_asks_for_it_waits_whatever_else_happens(linked_github, github, clock):
    github.fails(429, retry_after="3600")
    build_and_fail()
    tick()
    asked = len(github.asked)
    for _ in range(59):
        clock.shift(timedelta(minutes=1))
        tick()
    assert len(github.asked) == asked
    assert "left alone for 1 h 00 m (429)" in ForgeConnection.objects.get().failing_sentence
    github.heals()
    clock.shift(timedelta(minutes=3))
    tick()
    assert github.states(CONTEXT) == ["failure"]


@pytest.mark.parametrize("jump", [timedelta(days=3), -timedelta(days=3)])
def test_a_clock_that_jumps_it_survives(linked_github, github, clock, jump):
    github.fails(500)
    build_and_fail()
    tick()
    clock.shift(jump)
    github.heals()
    tick()
    assert github.states(CONTEXT) == ["failure"]
    assert CommitStatus.objects.get().is_told
