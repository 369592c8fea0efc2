"""Nothing waits for ever: workers that cannot build, sources that cannot be looked at, logs that cannot be archived."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import OperationalError
from django.utils import timezone

from builds import worker as worker_process
from builds.actions import lifecycle, request_probe, retry_build, workers
from builds.actions.claim import claim_next
from builds.actions.sources import record_probe
from builds.actions.upkeep import RINGS, _unarchived, ring_for_due
from builds.models import Build, LogFrame, Source, Worker
from builds.pipeline import probe, run_until_idle
from builds.reading import sentence_of
from builds.waits import queue
from tests.factories import make_build, make_rule, make_source, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]


def make_worker(name: str = "w1", **fields: object) -> Worker:
    return Worker.objects.create(name=name, host="builder-1", slots=2, **fields)


def test_a_worker_whose_builder_does_not_answer_takes_no_build(monkeypatch):
    make_build()
    make_worker(builder_fault="The builder default does not answer: no such file.")
    monkeypatch.setattr("builds.pipeline.carry_out", lambda *_: pytest.fail("it took a build"))
    run_until_idle("w1")
    assert Build.objects.get().attempt == 0


def test_a_waiting_build_says_that_no_builder_answers():
    """4. Every state that is not final has an owner, a deadline and a sentence a person can read."""
    build = make_build()
    make_worker(builder_fault="The builder default does not answer: no such file.")
    assert sentence_of(build) == (
        "No worker can build just now. builder-1: The builder default does not answer: no such file. Whoever runs "
        "Imageyard mends that; then it starts by itself."
    )


def test_one_good_builder_is_enough():
    build = make_build()
    make_worker("w1", builder_fault="The builder default does not answer.")
    make_worker("w2")
    assert sentence_of(build) == "A worker is free; it starts within seconds."


def test_a_waiting_build_says_that_every_worker_is_being_shut_down():
    make_build()
    make_worker(draining_since=timezone.now())
    assert queue()[0].sentence == "Every worker is being shut down. It starts when one is back."


@pytest.mark.django_db(transaction=True)
def test_no_bell_rings_for_the_slots_of_a_worker_without_a_builder(rings):
    for name in "abc":
        make_build(make_rule(make_source(), pattern=name), commit=name * 40)
    make_worker("w1", builder_fault="The builder default does not answer.")
    Source.objects.update(parallel_builds=3)
    ring_for_due(timezone.now())
    assert len(rings) == 1  # one all the same: the fault may be over before the next report


def test_a_running_build_that_no_worker_is_left_to_sweep_says_so():
    """4. Every state that is not final has an owner, a deadline and a sentence a person can read."""
    build = make_build()
    assert claim_next("w1")
    gone = timezone.now() - timedelta(seconds=3 * settings.LEASE_S)
    Build.objects.update(lease_until=gone)
    build.refresh_from_db()
    since = gone - timedelta(seconds=settings.LEASE_S)
    assert sentence_of(build) == (
        f"The worker that ran this build disappeared at {since:%H:%M} (UTC), and no other one is there. "
        "It starts again by itself when a worker is."
    )


def test_a_source_that_makes_us_stumble_is_told_and_not_asked_about_for_ever(monkeypatch):
    source = make_source()
    request_probe(source)

    def stumble(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(probe.git, "list_refs", stumble)
    probe.probe(str(source.pk))
    source.refresh_from_db()
    assert (source.probe_state, source.probe_sentence.partition(" (")[0]) == ("failed", "Imageyard itself met a fault")


@pytest.mark.parametrize("change", [{"clone_url": "https://git.example.com/acme/new.git"}, {"token": "another-one"}])
def test_an_answer_to_an_older_question_is_not_written_down(change):
    source = make_source()
    request_probe(source)
    asked = Source.objects.get()
    for name, value in change.items():
        setattr(source, name, value)
    source.save()
    record_probe(asked, sentence="The Git server answered.", good=True, default_branch="old", refs=[])
    source.refresh_from_db()
    assert (source.probe_state, source.default_branch) == ("asked", "main")


def test_logs_that_cannot_be_archived_do_not_keep_the_others_from_it():
    build = make_build(state="failed", attempt=200, queued_at=timezone.now() - timedelta(days=1))
    rows = {"step_index": 0, "seq": 0, "first_line": 0, "lines": 1, "byte_offset": 0, "size_bytes": 1, "data": b"x"}
    LogFrame.objects.bulk_create(LogFrame(build=build, attempt=n, **rows) for n in range(1, 121))
    seen = set()
    for _ in range(60):
        found = _unarchived(timezone.now())
        assert len(found) == RINGS
        seen.update(found)
    assert len(seen) == 120


def test_a_worker_that_starts_while_the_database_is_away_reports_later(monkeypatch):
    calls: list[str] = []
    away = iter([OperationalError("the server closed the connection")])

    def take_over() -> None:
        if error := next(away, None):
            raise error
        calls.append("take over")

    def report(*, check_builder: bool, had_fault: bool) -> bool:
        calls.append(f"report, builder {'asked' if check_builder else 'not asked'}")
        ended.set()
        return had_fault

    ended = threading.Event()
    monkeypatch.setattr(worker_process, "_ended", ended)
    monkeypatch.setattr(worker_process, "REPORT_S", 0.01)
    monkeypatch.setattr(worker_process, "_take_over", take_over)
    monkeypatch.setattr(worker_process, "_introduce", lambda: calls.append("introduce") or True)
    monkeypatch.setattr(worker_process, "_report", report)
    worker_process._report_until_ended()
    assert calls == ["take over", "introduce", "report, builder asked"]


def test_a_report_is_by_the_clock_that_all_hosts_share(monkeypatch):
    ahead = timezone.now() + timedelta(hours=1)
    monkeypatch.setattr(workers, "database_now", lambda: ahead)
    workers.report_worker("w1", host="builder-1", slots=1)
    assert Worker.objects.get().seen_at == ahead


def test_a_build_that_was_handed_back_says_so_until_it_starts_again():
    """4. Every state that is not final has an owner, a deadline and a sentence a person can read."""
    build = make_build()
    run = claim_next("w1")
    lifecycle.hand_back(run)
    assert sentence_of(build_now(build)) == (
        "Its worker was shut down and handed it back; the next free worker takes it. No worker is connected: start one "
        "with `make up`, or ask the administrator."
    )


def test_a_build_that_a_person_tries_again_says_who():
    build = make_build(state="failed", attempt=1)
    make_worker()
    retry_build(make_user("alice"), build)
    assert sentence_of(build_now(build)) == "Tried again by alice. A worker is free; it starts within seconds."


def build_now(build: Build) -> Build:
    build.refresh_from_db()
    return build
