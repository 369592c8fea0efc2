"""Workers: announced at start, refreshed by a beat of their own, draining, gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.utils import timezone

from builds import live
from builds.core.states import RUNNING
from builds.models import Build, Worker
from lib.clock import database_now
from lib.queue import enqueue


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


def ring() -> None:
    """Ring the doorbell once for a free slot."""
    enqueue("builds.run_next", expires_s=9)


def recover_host(host: str, me: str, *, alive: Callable[[int, str], bool]) -> None:
    """At a worker's start: builds of earlier workers of this host that are gone need not wait for their lease.

    Names end with a process id and that process's start, which `alive` is asked about.
    """
    for worker in Worker.objects.filter(host=host, stopped_at=None).exclude(name=me):
        *_, pid, started = ("", "", *worker.name.rsplit("-", 2))
        if not (pid.isdigit() and alive(int(pid), started)):
            Worker.objects.filter(pk=worker.pk).update(stopped_at=timezone.now())
            Build.objects.filter(worker=worker.name, state__in=RUNNING).update(lease_until=database_now())
