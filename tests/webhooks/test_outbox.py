"""The outbox of builds: each event reaches every consumer once, and one that cannot be taken holds up no other."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from builds.models import Build, BuildEvent
from tests.factories import make_build
from webhooks.actions import outbox
from webhooks.actions.outbox import forget_read_events, read_build_events

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("source")]


@pytest.fixture
def heard(monkeypatch) -> list[tuple[str, str]]:
    heard: list[tuple[str, str]] = []
    consumers = [lambda event, who=who: heard.append((who, event.kind)) for who in ("one", "two")]
    monkeypatch.setattr(outbox, "CONSUMERS", tuple(consumers))
    return heard


def make_event(kind: str = "queued", **fields):
    return BuildEvent.objects.create(build=Build.objects.first() or make_build(), kind=kind, **fields)


def test_it_hands_each_event_to_every_consumer_in_order(heard):
    make_event("queued")
    make_event("finished")
    assert read_build_events(timezone.now()) == 2
    assert heard == [("one", "queued"), ("two", "queued"), ("one", "finished"), ("two", "finished")]


def test_it_hands_an_event_over_once_however_often_it_is_rung(heard):
    make_event()
    assert [read_build_events(timezone.now()) for _ in range(3)] == [1, 0, 0]
    assert len(heard) == 2


def test_a_consumer_that_fails_it_undoes_the_others_and_reads_the_event_again(monkeypatch, heard):
    fails = [True]

    def picky(_event: BuildEvent) -> None:
        make_event("made by a consumer", handled_at=timezone.now())
        if fails:
            raise ValueError(fails.pop())

    monkeypatch.setattr(outbox, "CONSUMERS", (picky,))
    make_event()
    assert read_build_events(timezone.now()) == 0
    assert not BuildEvent.objects.filter(kind="made by a consumer").exists()
    assert read_build_events(timezone.now()) == 1
    assert BuildEvent.objects.filter(kind="made by a consumer").count() == 1


def test_an_event_that_cannot_be_taken_it_does_not_let_hold_up_the_others(monkeypatch, heard):
    bad, good = make_event("bad"), make_event("good")
    told: list[str] = []

    def picky(event: BuildEvent) -> None:
        if event.kind == "bad":
            raise ValueError
        told.append(event.kind)

    monkeypatch.setattr(outbox, "CONSUMERS", (picky,))
    read_build_events(timezone.now())
    assert told == ["good"]
    read_build_events(bad.at + timedelta(hours=2))
    assert not BuildEvent.objects.filter(handled_at=None).exists()
    assert BuildEvent.objects.filter(pk=good.pk).exists()


def test_what_is_older_than_two_days_it_tells_nobody(heard):
    make_event(at=timezone.now() - timedelta(days=3))
    assert read_build_events(timezone.now()) == 0
    assert heard == []
    assert not BuildEvent.objects.filter(handled_at=None).exists()


def test_it_forgets_what_was_read_thirty_days_ago():
    now = timezone.now()
    make_event("old", handled_at=now - timedelta(days=31))
    make_event("new", handled_at=now - timedelta(days=29))
    make_event("unread")
    assert forget_read_events(now) == 1
    assert set(BuildEvent.objects.values_list("kind", flat=True)) == {"new", "unread"}


def test_the_end_of_a_build_it_reads_at_once(rings, django_capture_on_commit_callbacks):
    from builds.actions.claim import claim_next
    from builds.actions.lifecycle import stop

    make_build()
    run = claim_next("worker-1")
    with django_capture_on_commit_callbacks(execute=True):
        stop(run)
    assert "webhooks.read_build_events" in rings


@pytest.mark.one_database
def test_the_names_of_tasks_it_knows_in_every_process():
    """A web process rings for them too, and imports nothing but Django's applications."""
    import subprocess
    import sys

    code = (
        "import django; django.setup(); from celery import current_app; "
        "print(*sorted(name for name in current_app.tasks if name.startswith('webhooks.')))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    for name in (
        "read_build_events",
        "send_statuses",
        "check_connection",
        "list_repositories",
        "run_forge_errand",
        "send_notification",
    ):
        assert f"webhooks.{name}" in found


@pytest.mark.django_db(transaction=True)
def test_many_readers_at_the_same_moment_it_hands_each_event_over_once(monkeypatch, source):
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connections

    build = make_build()
    numbers = [BuildEvent.objects.create(build=build, kind=f"event {number}").pk for number in range(20)]

    def count(event: BuildEvent) -> None:
        Build.objects.filter(pk=event.build_id).update(timeout_s=F("timeout_s") + 1)

    monkeypatch.setattr(outbox, "CONSUMERS", (count,))
    before = build.timeout_s

    def read(_reader: int) -> int:
        try:
            return read_build_events(timezone.now())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as readers:
        handled = sum(readers.map(read, range(4)))
    build.refresh_from_db()
    assert (handled, build.timeout_s - before) == (len(numbers), len(numbers))
