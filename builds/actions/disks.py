"""What workers tell of their disks: which are low, what that means for claims, and who is told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction

from builds import live
from builds.actions.upkeep import ring_for_due
from builds.core.disk import Disk, disk_fault, low_disks
from builds.models import CachePrune, Worker
from lib.clock import database_now

# How long what a worker freed by itself is told beside what is still missing.
TOLD_FOR = timedelta(hours=1)


def report_disks(name: str, disks: Sequence[Disk]) -> bool:
    """Write down how full the disks of a worker are; gives whether it may take builds as far as they go.

    A disk that every worker fills (the registry's, the database's) keeps all of them back: each takes the fault over
    from whoever sees that disk, with its own next report. Unknown workers are judged by their disks alone.
    """
    worker = Worker.objects.filter(name=name).first()
    if worker is None:
        return not low_disks(disks)
    low = low_disks(disks, worker.low_disks)
    freed = _freed(worker.host) if low else ""
    shared = disk_fault(worker.host, [disk for disk in low if disk.is_shared], freed=freed)
    fault = disk_fault(worker.host, low, freed=freed) or _fault_of_others(name)
    with transaction.atomic():
        Worker.objects.filter(pk=worker.pk).update(
            disks=[disk.as_json() for disk in disks],
            low_disks=[disk.name for disk in low],
            disk_fault=fault,
            shared_disk_fault=shared,
        )
        if bool(fault) != bool(worker.disk_fault):
            if not fault:
                ring_for_due(database_now())
            transaction.on_commit(lambda: live.wake("queue", "workers", "builds"))
    return not fault


def _fault_of_others(name: str) -> str:
    rows = Worker.objects.alive().exclude(name=name).exclude(shared_disk_fault="")
    return rows.order_by("pk").values_list("shared_disk_fault", flat=True).first() or ""


def _freed(host: str) -> str:
    """What the worker took away by itself a while ago, as a sentence."""
    rows = CachePrune.objects.filter(host=host, cause=CachePrune.Cause.DISK, state=CachePrune.State.DONE)
    last = rows.filter(ended_at__gt=database_now() - TOLD_FOR).first()
    return last.sentence if last else ""
