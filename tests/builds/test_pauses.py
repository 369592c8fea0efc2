"""Pausing the queue or a host, draining a worker: what claims, sentences and workers make of it, also at once."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import AuditEntry
from builds import worker as worker_process
from builds.actions import pauses, workers
from builds.actions.claim import claim_next, wait_for_turn
from builds.actions.upkeep import ring_for_due
from builds.models import Build, Pause, Worker
from builds.reading import sentence_of
from builds.waits import queue
from lib.refusal import Refused
from tests.factories import make_admin, make_build, make_repository, make_rule, make_source, make_worker

pytestmark = pytest.mark.django_db


def other_build(path: str, **fields) -> Build:
    return make_build(make_rule(make_source(make_repository(path))), **fields)


def test_a_paused_queue_gives_no_build_to_any_worker_and_says_who_why_and_since_when():
    """10. Pause the queue."""
    make_worker()
    build = make_build()
    pauses.pause_queue(make_admin(), "  disk\nexchange. ")
    assert claim_next("w1") is None
    assert claim_next("a worker that has not reported yet") is None
    since = timezone.localtime(Pause.objects.get().at)
    said = f"Paused by admin since {since:%H:%M}: disk exchange. It starts when the pause ends."
    assert sentence_of(build) == said
    assert queue()[0].eta_s is None


def test_a_pause_of_another_day_says_its_day():
    at = timezone.localtime().replace(year=2024, month=2, day=3, hour=12, minute=4)
    assert Pause(by="admin", reason="move", at=at).sentence == "Paused by admin since 2024-02-03 12:04: move."


def test_a_paused_host_takes_nothing_and_another_one_does():
    make_worker()
    make_worker("w2", "builder-2")
    make_build()
    pauses.pause_host(make_admin(), "builder-1", "disk exchange")
    assert claim_next("w1") is None
    assert claim_next("w2") is not None


def test_a_paused_host_stays_paused_when_its_worker_comes_back_with_another_name():
    make_worker()
    make_build()
    pauses.pause_host(make_admin(), "builder-1", "disk exchange")
    Worker.objects.update(stopped_at=timezone.now())
    make_worker("w1-started-again")
    assert claim_next("w1-started-again") is None
    assert "builder-1: Paused by admin since" in queue()[0].sentence


def test_a_worker_of_a_paused_host_that_has_just_started_takes_nothing_before_its_first_report():
    """It asks its builder first, which takes a while; a bell may ring meanwhile."""
    make_worker()
    make_build()
    pauses.pause_host(make_admin(), "builder-1", "disk exchange")
    assert claim_next("builder-1-4711-1a2b3c") is None
    assert claim_next("builder-2-4711-1a2b3c") is not None


def test_what_runs_on_a_paused_worker_takes_no_slot_from_the_others():
    make_worker(slots=1)
    make_worker("w2", "builder-2", slots=1)
    other_build("acme/a")
    assert claim_next("w1") is not None
    pauses.pause_host(make_admin(), "builder-1", "disk exchange")
    other_build("acme/b")
    assert queue()[0].sentence == "A worker is free; it starts within seconds."


@pytest.mark.django_db(transaction=True)
def test_resuming_lets_builds_go_on_at_once(rings):
    make_worker()
    make_build()
    pause = pauses.pause_queue(make_admin(), "disk exchange")
    rings.clear()
    pauses.resume(make_admin(), pause)
    assert rings == ["builds.run_next"]
    assert claim_next("w1") is not None


@pytest.mark.django_db(transaction=True)
def test_a_bell_is_not_rung_for_workers_that_are_paused(rings):
    for name in ("acme/a", "acme/b", "acme/c"):
        other_build(name)
    make_worker()
    make_worker("w2", "builder-2", slots=1)
    pauses.pause_host(make_admin(), "builder-1", "disk exchange")
    rings.clear()
    ring_for_due(timezone.now())
    assert rings == ["builds.run_next"]


@pytest.mark.django_db(transaction=True)
def test_a_paused_worker_that_hears_the_bell_lets_another_one_hear_it(rings):
    make_worker()
    pauses.pause_host(make_admin(), "builder-1", "disk exchange")
    workers.pass_the_bell_on("w1", 0)
    assert rings == [], "nobody is there who would take a build"
    make_worker("w2", "builder-2")
    workers.pass_the_bell_on("w1", 0)
    workers.pass_the_bell_on("w1", workers.MOST_PASSES)
    workers.pass_the_bell_on("w2", 0)
    assert rings == ["builds.run_next"]


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201])
def test_a_pause_needs_a_reason_that_fits(reason):
    with pytest.raises(Refused, match=r"Say why|201 characters"):
        pauses.pause_queue(make_admin(), reason)


def test_pausing_twice_says_who_was_first():
    pauses.pause_queue(make_admin(), "disk exchange")
    with pytest.raises(Refused, match=r"The queue is paused already\. Paused by admin since .*: disk exchange\."):
        pauses.pause_queue(make_admin("second"), "something else")


def test_resuming_twice_says_that_it_is_over():
    pause = pauses.pause_queue(make_admin(), "disk exchange")
    pauses.resume(make_admin(), pause)
    pause.pk = 10**6
    with pytest.raises(Refused, match="The queue is not paused any more"):
        pauses.resume(make_admin(), pause)


def test_everything_is_in_the_audit():
    worker = make_worker()
    admin = make_admin()
    pauses.resume(admin, pauses.pause_queue(admin, "disk exchange"))
    pauses.resume(admin, pauses.pause_host(admin, "builder-1", "disk exchange"))
    workers.ask_to_drain(admin, worker)
    workers.keep(admin, worker)
    Worker.objects.update(stopped_at=timezone.now())
    workers.forget(admin, worker)
    found = list(AuditEntry.objects.order_by("pk").values_list("action", "target"))
    assert found == [
        ("queue.pause", "the queue"),
        ("queue.resume", "the queue"),
        ("worker.pause", "builder-1"),
        ("worker.resume", "builder-1"),
        ("worker.drain", "w1"),
        ("worker.keep", "w1"),
        ("worker.forget", "w1"),
    ]


def test_a_drained_worker_takes_nothing_more_and_leaves_when_what_it_runs_has_ended():
    """10. Drain a worker."""
    worker = make_worker()
    make_build()
    claim_next("w1")
    other_build("acme/next")
    workers.ask_to_drain(make_admin(), worker)
    assert claim_next("w1") is None
    assert not workers.may_leave("w1"), "it still runs a build"
    Build.objects.filter(worker="w1").update(state="succeeded")
    assert workers.may_leave("w1")
    assert not workers.may_leave("w1"), "once is enough"
    with pytest.raises(Refused, match="leaves already"):
        workers.keep(make_admin(), worker)


def test_a_drain_cuts_nothing_off():
    """Unlike SIGTERM, which gives builds the drain time: the watcher of a run asks `is_draining`."""
    worker = make_worker()
    workers.ask_to_drain(make_admin(), worker)
    assert not workers.is_draining("w1")


def test_a_drain_that_was_taken_back_lets_it_take_builds():
    worker = make_worker()
    make_build()
    workers.ask_to_drain(make_admin(), worker)
    assert claim_next("w1") is None
    workers.keep(make_admin(), worker)
    assert not workers.may_leave("w1")
    assert claim_next("w1") is not None


def test_a_worker_that_is_gone_cannot_be_drained_and_one_that_reports_cannot_be_forgotten():
    worker = make_worker()
    with pytest.raises(Refused, match="only workers that are gone"):
        workers.forget(make_admin(), worker)
    Worker.objects.update(seen_at=timezone.now() - timedelta(minutes=5))
    with pytest.raises(Refused, match="drained or gone already"):
        workers.ask_to_drain(make_admin(), worker)


def test_a_drained_worker_ends_as_on_sigterm(monkeypatch):
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(worker_process.os, "kill", lambda *what: sent.append(what))
    monkeypatch.setattr(worker_process, "worker_name", lambda: "w1")
    worker = make_worker()
    worker_process._report(check_builder=False, had_fault=False)
    assert sent == []
    workers.ask_to_drain(make_admin(), worker)
    worker_process._report(check_builder=False, had_fault=False)
    assert sent == [(worker_process.os.getpid(), worker_process.signal.SIGTERM)]


def test_a_worker_reports_its_disk_memory_processors_and_load(monkeypatch):
    monkeypatch.setattr(worker_process, "worker_name", lambda: "w1")
    worker_process._report(check_builder=False, had_fault=False)
    row = Worker.objects.get()
    assert 0 < row.disk_free_bytes <= row.disk_total_bytes
    assert 0 < row.memory_free_bytes <= row.memory_total_bytes
    assert row.cpus >= 1
    assert row.load >= 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("rings")
def test_no_claim_slips_through_a_pause_that_has_returned():
    """A claim that began before the pause is seen by it; one that comes later is refused."""
    make_worker(slots=50)
    admin = make_admin()
    for number in range(12):
        other_build(f"acme/r{number}")
    late: list[object] = []
    paused = threading.Event()
    start = threading.Barrier(4)

    def claim() -> None:
        start.wait()
        try:
            for _ in range(6):
                was_paused = paused.is_set()
                run = claim_next("w1")
                if was_paused and run is not None:
                    late.append(run)
        finally:
            connection.close()

    threads = [threading.Thread(target=claim) for _ in range(3)]
    for thread in threads:
        thread.start()
    start.wait()
    pauses.pause_queue(admin, "now")
    paused.set()
    claimed = Build.objects.exclude(state="queued").count()
    for thread in threads:
        thread.join()
    assert late == []
    assert Build.objects.exclude(state="queued").count() == claimed


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("rings")
def test_a_drain_waits_for_a_claim_that_is_being_made():
    """Otherwise the worker could see nothing that runs, leave, and cut off the build that it has just taken."""
    worker = make_worker()
    make_build()
    order: list[str] = []
    began = threading.Event()

    def claim() -> None:
        try:
            with transaction.atomic():
                wait_for_turn()
                Build.objects.update(state="preparing", worker="w1")
                began.set()
                time.sleep(0.3)
                order.append("claimed")
        finally:
            connection.close()

    thread = threading.Thread(target=claim)
    admin = make_admin()
    thread.start()
    began.wait()
    workers.ask_to_drain(admin, worker)
    order.append("drained")
    thread.join()
    assert order == ["claimed", "drained"]
    assert not workers.may_leave("w1")


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("rings")
def test_of_two_who_pause_at_once_one_does():
    admin = make_admin()
    found: list[str] = []
    start = threading.Barrier(3)

    def pause() -> None:
        start.wait()
        try:
            pauses.pause_queue(admin, "now")
            found.append("paused")
        except Refused as refused:
            found.append(refused.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=pause) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ["conflict", "conflict", "paused"]
