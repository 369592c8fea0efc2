"""Workers: announced at start, refreshed by a beat of their own, drained, gone, forgotten. Pauses are in `pauses`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import User
from builds import live
from builds.actions.claim import may_take, wait_for_turn
from builds.actions.pauses import must_be_administrator
from builds.actions.upkeep import ring_for_due
from builds.core.states import RUNNING
from builds.models import Build, Worker
from lib.clock import database_now
from lib.queue import enqueue
from lib.refusal import Refused

MOST_PASSES = 8


def report_worker(name: str, **fields: Any) -> None:
    """The worker says that it is alive, and how its builder and disk are."""
    Worker.objects.update_or_create(name=name, defaults={"seen_at": database_now(), **fields})


def drain_worker(name: str) -> None:
    """The worker takes no more builds; those it runs have the drain time, then they are handed back."""
    Worker.objects.filter(name=name, draining_since=None).update(draining_since=timezone.now())
    live.wake("queue")


def worker_stopped(name: str) -> None:
    """The worker left in good order."""
    with transaction.atomic():
        Worker.objects.filter(name=name).update(stopped_at=timezone.now())
        transaction.on_commit(lambda: live.wake("queue"))


def is_draining(name: str) -> bool:
    """Whether the worker was told to take no more builds."""
    return Worker.objects.filter(name=name).exclude(draining_since=None).exists()


def builder_is_at_fault(name: str) -> bool:
    """Whether the worker's builder did not answer when it was last asked."""
    return Worker.objects.filter(name=name).exclude(builder_fault="").exists()


def ask_to_drain(actor: User, worker: Worker) -> None:
    """The worker ends what it runs, takes nothing new, and then its process leaves. Raises Refused.

    Unlike SIGTERM it cuts nothing off, however long its builds take.
    """
    must_be_administrator(actor)
    asked = {"drain_asked_at": timezone.now(), "drain_asked_by": actor.get_username()}
    with transaction.atomic():
        wait_for_turn()
        here = Worker.objects.alive().filter(pk=worker.pk, drain_asked_at=None, draining_since=None)
        if not here.update(**asked):
            raise Refused(f"{worker.host} is drained or gone already.", code="conflict")
        audit.record(actor, "worker.drain", worker)
        transaction.on_commit(lambda: live.wake("queue", "workers"))


def keep(actor: User, worker: Worker) -> None:
    """Take a drain back, as long as the process has not begun to leave. Raises Refused."""
    must_be_administrator(actor)
    with transaction.atomic():
        rows = Worker.objects.filter(pk=worker.pk, draining_since=None).exclude(drain_asked_at=None)
        if not rows.update(drain_asked_at=None, drain_asked_by=""):
            raise Refused(f"{worker.host} leaves already, or was not drained.", code="conflict")
        audit.record(actor, "worker.keep", worker)
        ring_for_due(database_now())
        transaction.on_commit(lambda: live.wake("queue", "workers"))


def may_leave(name: str) -> bool:
    """Whether the drained worker has nothing left to do. Once True, it takes nothing more and must go."""
    if not Worker.objects.filter(name=name).exclude(drain_asked_at=None).exists():
        return False
    with transaction.atomic():
        wait_for_turn()
        if Build.objects.filter(worker=name, state__in=RUNNING).exists():
            return False
        rows = Worker.objects.filter(name=name, draining_since=None).exclude(drain_asked_at=None)
        return bool(rows.update(draining_since=timezone.now()))


def forget(actor: User, worker: Worker) -> None:
    """Remove a worker that is gone from the list. Raises Refused for one that reports."""
    must_be_administrator(actor)
    with transaction.atomic():
        if Worker.objects.alive().filter(pk=worker.pk).exists():
            raise Refused(f"{worker.host} reports: only workers that are gone can be forgotten.", code="conflict")
        Worker.objects.filter(pk=worker.pk).delete()
        audit.record(actor, "worker.forget", worker)
        transaction.on_commit(lambda: live.wake("queue", "workers"))


def ring() -> None:
    """Ring the doorbell once for a free slot."""
    enqueue("builds.run_next", expires_s=9)


def pass_the_bell_on(name: str, times: int) -> None:
    """A worker that takes no builds heard the bell: let another one hear it.

    Redis wakes the worker that has waited longest, which is not this one now: as many times as there are workers do.
    """
    if may_take(name):
        return
    others = Worker.objects.alive().taking_builds().exclude(name=name)
    if times < MOST_PASSES and others.exists():
        enqueue("builds.run_next", times + 1, expires_s=9)


def recover_host(host: str, me: str, *, alive: Callable[[int, str], bool]) -> None:
    """At a worker's start: builds of earlier workers of this host that are gone need not wait for their lease.

    Names end with a process id and that process's start, which `alive` is asked about.
    """
    for worker in Worker.objects.filter(host=host, stopped_at=None).exclude(name=me):
        *_, pid, started = ("", "", *worker.name.rsplit("-", 2))
        if not (pid.isdigit() and alive(int(pid), started)):
            Worker.objects.filter(pk=worker.pk).update(stopped_at=timezone.now())
            Build.objects.filter(worker=worker.name, state__in=RUNNING).update(lease_until=database_now())
