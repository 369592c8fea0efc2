"""What the queue page tells of workers: what each runs, how its machine is, and what became of those that are gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.conf import settings
from django.db.models import Count
from django.utils import timezone

from builds.core.disk import read_disks
from builds.core.states import RUNNING
from builds.models import Build, Pause, Pauses, Step, Worker
from lib.clock import database_now
from lib.humanize import format_size, plural

GONE_SHOWN = 20
# Of a disk, of memory, or of the processors: above it a bar turns yellow.
NEARLY = 0.9
PACE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RunningRow:
    """A build that runs, and the step it is at; `build` is None where the person may not see it."""

    build: Build | None
    step: str


@dataclass(frozen=True, slots=True)
class Gauge:
    """One bar: how much of something is used, with the same in words."""

    name: str
    text: str
    percent: int
    tone: Literal["ok", "warn", "bad"] = "ok"


@dataclass(frozen=True, slots=True)
class WorkerCard:
    """A worker with what runs on it. `worker` is None for builds whose worker does not report any more."""

    name: str
    worker: Worker | None
    running: tuple[RunningRow, ...]
    says: str
    pause: Pause | None = None
    pace: int = 0
    takes_builds: bool = False

    @property
    def slots(self) -> int:
        return self.worker.slots if self.worker else 0

    @property
    def idle(self) -> range:
        """Slots that run nothing."""
        return range(max(0, self.slots - len(self.running)))

    @property
    def gauges(self) -> list[Gauge]:
        return gauges_of(self.worker) if self.worker else []

    @property
    def uptime_s(self) -> float:
        return (timezone.now() - self.worker.started_at).total_seconds() if self.worker else 0.0


def worker_cards(visible: Container[int], pauses: Pauses) -> list[WorkerCard]:
    """Those that report, and one for each name that has builds and does not. `visible`: builds that may be named."""
    running: dict[str, list[RunningRow]] = defaultdict(list)
    builds = list(Build.objects.filter(state__in=RUNNING).for_page().order_by("started_at", "pk"))
    steps = _steps_now(builds)
    for build in builds:
        row = RunningRow(build, steps.get(build.pk, "")) if build.pk in visible else RunningRow(None, "")
        running[build.worker].append(row)
    pace = pace_of_workers()
    cards = []
    for worker in Worker.objects.alive():
        pause, takes = pauses.hosts.get(worker.host), worker.takes_builds(pauses)
        rows, ended = tuple(running.pop(worker.name, ())), pace.get(worker.name, 0)
        cards.append(WorkerCard(worker.host, worker, rows, why_idle(worker, pause), pause, ended, takes))
    lost = [WorkerCard(name or "no worker", None, tuple(rows), _LOST) for name, rows in sorted(running.items())]
    return [*cards, *lost]


_LOST = "This worker does not report any more. Its builds start again by themselves when their lease ends."


def why_idle(worker: Worker, pause: Pause | None) -> str:
    """Why a worker takes no builds, or what it is about to do; empty when all is well."""
    if worker.draining_since:
        return "Shuts down: it ends what it has and takes nothing new."
    if worker.drain_asked_at:
        return (
            f"Drained by {worker.drain_asked_by}: it ends what it has and takes nothing new; then its process leaves."
        )
    if pause:
        return f"{pause.sentence} What runs goes on."
    fault = worker.builder_fault or worker.disk_fault
    return f"Takes no builds: {fault}" if fault else ""


def pace_of_workers() -> dict[str, int]:
    """How many builds each worker ended within the last hour."""
    rows = Build.objects.filter(finished_at__gte=timezone.now() - PACE).exclude(worker="").order_by()
    return dict(rows.values_list("worker").annotate(Count("pk")))


def _steps_now(builds: list[Build]) -> dict[int, str]:
    attempts = {build.pk: build.attempt for build in builds}
    rows = Step.objects.filter(build__in=builds, state=Step.State.RUNNING, internal=False).order_by("index")
    names = rows.values_list("build_id", "attempt", "name")
    return {build_id: name for build_id, attempt, name in names if attempt == attempts[build_id]}


def gauges_of(worker: Worker) -> list[Gauge]:
    """Disk, memory and processors, as far as the worker has told of them."""
    found = []
    disks = read_disks(worker.disks)
    for disk in disks:
        name = "Disk" if len(disks) == 1 else disk.holds[0].value.capitalize()
        found.append(_of_bytes(name, disk.free_bytes, disk.total_bytes, low=disk.name in worker.low_disks))
    if not disks and worker.disk_total_bytes and worker.disk_free_bytes is not None:
        low = worker.disk_free_bytes < settings.MIN_FREE_BYTES
        found.append(_of_bytes("Disk", worker.disk_free_bytes, worker.disk_total_bytes, low=low))
    elif not disks and worker.disk_free_bytes is not None:
        found.append(Gauge("Disk", f"{format_size(worker.disk_free_bytes)} free", 0))
    if worker.memory_total_bytes and worker.memory_free_bytes is not None:
        found.append(_of_bytes("Memory", worker.memory_free_bytes, worker.memory_total_bytes))
    if worker.cpus and worker.load is not None:
        share = worker.load / worker.cpus
        text = f"{worker.load:.1f} on {plural(worker.cpus, 'CPU')}"
        found.append(Gauge("Load", text, min(100, round(100 * share)), "warn" if share > 1 else "ok"))
    return found


def _of_bytes(name: str, free: int, total: int, *, low: bool = False) -> Gauge:
    used = max(0.0, min(1.0, 1 - free / total))
    tone: Literal["ok", "warn", "bad"] = "bad" if low else "warn" if used > NEARLY else "ok"
    return Gauge(name, f"{format_size(free)} free of {format_size(total)}", round(100 * used), tone)


@dataclass(frozen=True, slots=True)
class Gone:
    """A worker that reports no more: what happened, and when."""

    worker: Worker
    at: datetime
    sentence: str


def gone_workers() -> list[Gone]:
    """The last that left or fell silent, newest first; a day later they are forgotten by themselves."""
    rows = Worker.objects.exclude(pk__in=Worker.objects.alive(database_now()).values("pk")).order_by("-seen_at")
    return [Gone(worker, worker.stopped_at or worker.seen_at, what_became_of(worker)) for worker in rows[:GONE_SHOWN]]


def what_became_of(worker: Worker) -> str:
    """What happened to a worker that is gone."""
    if worker.stopped_at and worker.drain_asked_at:
        return f"Drained by {worker.drain_asked_by}; it left in good order."
    if worker.stopped_at and worker.draining_since:
        return "It was shut down and left in good order."
    if worker.stopped_at:
        return "It ended without a word; the next worker of its host freed what it left."
    return "It fell silent: killed, cut off or hung. Builds that it ran start again when their lease ends."
