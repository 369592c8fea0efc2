"""Queue and workers: why a build waits, and what each worker does. Names of private builds stay with their members."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from builds.core.states import RUNNING
from builds.models import Build, Step, Worker
from builds.reading import queue as waiting_builds
from lib.humanize import plural

SHOWN = 100


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A waiting build. `build` is None where the person may not see it: it counts, and stays nameless."""

    place: int
    build: Build | None
    sentence: str


@dataclass(frozen=True, slots=True)
class RunningRow:
    """A build that runs, and the step it is at; `build` is None where the person may not see it."""

    build: Build | None
    step: str


@dataclass(frozen=True, slots=True)
class WorkerCard:
    """A worker with what runs on it. `worker` is None for builds whose worker does not report any more."""

    name: str
    worker: Worker | None
    running: tuple[RunningRow, ...]
    says: str

    @property
    def free(self) -> range:
        return range(max(0, (self.worker.slots if self.worker else 0) - len(self.running)))


@login_required
@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    """The page."""
    return render(request, "builds/queue.html", _context(request))


@login_required
@require_safe
def fragment(request: HttpRequest) -> HttpResponse:
    """What changes of it."""
    return render(request, "builds/_queue.html", _context(request))


def _context(request: HttpRequest) -> dict[str, Any]:
    entries = waiting_builds()
    visible = set(Build.objects.visible_to(request.user).active().values_list("pk", flat=True))
    waiting = [
        QueueRow(entry.position + 1, entry.build if entry.build.pk in visible else None, entry.sentence)
        for entry in entries[:SHOWN]
    ]
    cards = _cards(visible)
    slots = sum(card.worker.slots for card in cards if card.worker)
    busy = sum(len(card.running) for card in cards)
    return {
        "waiting": waiting,
        "waiting_total": len(entries),
        "waiting_more": max(0, len(entries) - SHOWN),
        "cards": cards,
        "summary": _summary(len(entries), busy, slots, len([card for card in cards if card.worker])),
    }


def _summary(waiting: int, busy: int, slots: int, workers: int) -> str:
    queue = f"{plural(waiting, 'build')} {'waits' if waiting == 1 else 'wait'}" if waiting else "Nothing waits"
    if not workers:
        return f"{queue}; no worker is connected."
    return f"{queue}; {busy} of {plural(slots, 'slot')} busy on {plural(workers, 'worker')}."


def _cards(visible: set[int]) -> list[WorkerCard]:
    running: dict[str, list[RunningRow]] = defaultdict(list)
    builds = list(Build.objects.filter(state__in=RUNNING).for_page().order_by("started_at", "pk"))
    steps = _steps_now(builds)
    for build in builds:
        row = RunningRow(build, steps.get(build.pk, "")) if build.pk in visible else RunningRow(None, "")
        running[build.worker].append(row)
    cards = [
        WorkerCard(worker.host, worker, tuple(running.pop(worker.name, ())), _says(worker))
        for worker in Worker.objects.alive()
    ]
    lost = [WorkerCard(name or "no worker", None, tuple(rows), _LOST) for name, rows in sorted(running.items())]
    return [*cards, *lost]


_LOST = "This worker does not report any more. Its builds start again by themselves when their lease ends."


def _says(worker: Worker) -> str:
    """What is wrong with a worker, or what it is about to do; empty when all is well."""
    if worker.builder_fault:
        return f"Takes no builds: {worker.builder_fault}"
    if worker.draining_since:
        return "Drains: it ends what it has and takes nothing new."
    return ""


def _steps_now(builds: list[Build]) -> dict[int, str]:
    attempts = {build.pk: build.attempt for build in builds}
    rows = Step.objects.filter(build__in=builds, state=Step.State.RUNNING, internal=False).order_by("index")
    return {step.build_id: step.name for step in rows if step.attempt == attempts[step.build_id]}
