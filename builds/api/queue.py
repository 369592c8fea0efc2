"""The API's queue and workers: what waits and why, how each worker is, pausing, draining. Names as on the page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema, Status

from builds.actions import pauses, workers
from builds.api.storage import DiskOut, disks_of
from builds.core.states import RUNNING
from builds.models import Build, Pause, Worker
from builds.models.pause import EVERY_HOST, REASON_LENGTH
from builds.views.lookup import person
from builds.views.workers import pace_of_workers, what_became_of, why_idle
from builds.waits import queue as waiting_builds
from lib.paging import MOST, USUAL
from lib.refusal import Refused

router = Router(tags=["queue and workers"])


class WaitingOut(Schema):
    """A waiting build. Without `build` it is one of a private repository that you may not see."""

    place: int = Field(description="From 1, in the order in which builds will start.")
    build: int | None
    number: int | None
    repository: str | None
    ref_type: str | None
    ref: str | None
    sentence: str
    eta_s: float | None = Field(description="Seconds until it will probably start; null where nobody knows.")


class QueuePage(Schema):
    items: list[WaitingOut]
    next: str | None
    total: int


class PauseIn(Schema):
    reason: str = Field(max_length=REASON_LENGTH, description="Whoever waits reads it.")
    host: str = Field("", max_length=255, description="The host of a worker; absent, the whole queue.")


class PauseOut(Schema):
    id: int
    host: str = Field(description='"" is the whole queue.')
    at: datetime
    by: str
    reason: str
    sentence: str


class Pauses(Schema):
    items: list[PauseOut]


class WorkerOut(Schema):
    """`alive`: it reported lately. `takes_builds`: neither paused, drained, shut down nor without its builder."""

    id: int
    name: str
    host: str
    alive: bool
    takes_builds: bool
    sentence: str = Field(description="Why it takes no builds, or what became of it; empty when all is well.")
    slots: int
    running: int
    ended_last_hour: int
    builder: str
    builder_fault: str
    disk_free_bytes: int | None
    disk_total_bytes: int | None
    memory_free_bytes: int | None
    memory_total_bytes: int | None
    cpus: int | None
    load: float | None
    started_at: datetime
    seen_at: datetime
    disk_fault: str = Field(description="Which disk has no room for another build; empty when all have.")
    disks: list[DiskOut]
    drain_asked_at: datetime | None
    stopped_at: datetime | None


class Workers(Schema):
    items: list[WorkerOut]


@router.get("/queue", response=QueuePage, summary="List what waits")
def waiting(request: HttpRequest, cursor: str = "", limit: int = USUAL) -> Any:
    """Every waiting build in the order in which it will start, each with its sentence."""
    entries = waiting_builds()
    if cursor and not (cursor.isascii() and cursor.isdigit()):
        raise Refused("This cursor did not come from this list. Start without one.")
    first = min(int(cursor or 0), len(entries))
    shown = entries[first : first + max(1, min(limit, MOST))]
    rows = Build.objects.visible_to(request.user).for_page().filter(pk__in=[entry.build_id for entry in shown])
    builds = {build.pk: build for build in rows}
    end = first + len(shown)
    return {
        "items": [
            {"place": entry.position + 1, "sentence": entry.sentence, "eta_s": entry.eta_s}
            | _named(builds.get(entry.build_id))
            for entry in shown
        ],
        "next": str(end) if end < len(entries) else None,
        "total": len(entries),
    }


def _named(build: Build | None) -> dict[str, Any]:
    if build is None:
        return dict.fromkeys(("build", "number", "repository", "ref_type", "ref"))
    named = {"build": build.pk, "number": build.number, "repository": build.repository.path}
    return {**named, "ref_type": build.ref_type, "ref": build.ref}


@router.get("/pauses", response=Pauses, summary="List pauses")
def pauses_now(request: HttpRequest) -> Any:  # noqa: ARG001 — ninja's signature
    """What administrators have paused, and why."""
    return {"items": list(Pause.objects.all())}


@router.post("/pauses", response={201: PauseOut}, summary="Pause the queue, or a host")
def pause(request: HttpRequest, body: PauseIn) -> Any:
    """Administrators only. Nothing new is taken from then on, also after a restart; what runs goes on. Again is 409."""
    if body.host != EVERY_HOST:
        return Status(201, pauses.pause_host(person(request), body.host, body.reason))
    return Status(201, pauses.pause_queue(person(request), body.reason))


@router.delete("/pauses/{int:pause_id}", response={204: None}, summary="Resume")
def resume(request: HttpRequest, pause_id: int) -> Any:
    """Administrators only. End a pause; what waited starts at once."""
    found = Pause.objects.filter(pk=min(pause_id, 2**62)).first()
    if found is None:
        raise Http404(f"There is no pause {pause_id}; it may have ended.")
    pauses.resume(person(request), found)
    return Status(204, None)


@router.get("/workers", response=Workers, summary="List workers")
def listing(request: HttpRequest) -> Any:  # noqa: ARG001 — as above
    """Those that report, and for a day those that are gone."""
    return {"items": _workers_out(Worker.objects.all())}


@router.post("/workers/{int:worker_id}/drain", response={202: WorkerOut}, summary="Drain a worker")
def drain(request: HttpRequest, worker_id: int) -> Any:
    """Administrators only. It ends what it runs, takes nothing new, then its process leaves."""
    worker = _worker(worker_id)
    workers.ask_to_drain(person(request), worker)
    return Status(202, _workers_out(Worker.objects.filter(pk=worker.pk))[0])


@router.post("/workers/{int:worker_id}/keep", response=WorkerOut, summary="Take a drain back")
def keep(request: HttpRequest, worker_id: int) -> Any:
    """Administrators only. As long as its process has not begun to leave; then 409."""
    worker = _worker(worker_id)
    workers.keep(person(request), worker)
    return _workers_out(Worker.objects.filter(pk=worker.pk))[0]


@router.delete("/workers/{int:worker_id}", response={204: None}, summary="Forget a worker that is gone")
def forget(request: HttpRequest, worker_id: int) -> Any:
    """Administrators only. 409 for one that reports."""
    workers.forget(person(request), _worker(worker_id))
    return Status(204, None)


def _worker(worker_id: int) -> Worker:
    found = Worker.objects.filter(pk=min(worker_id, 2**62)).first()
    if found is None:
        raise Http404(f"There is no worker {worker_id}; those that are gone are forgotten after a day.")
    return found


def _workers_out(rows: QuerySet[Worker]) -> list[dict[str, Any]]:
    """With a constant number of queries, however many they are."""
    alive = set(Worker.objects.alive().values_list("pk", flat=True))
    standing, busy, pace = Pause.objects.standing(), _running_by_worker(), pace_of_workers()
    return [
        {
            **{name: getattr(row, name) for name in _FIELDS},
            "alive": row.pk in alive,
            "takes_builds": row.pk in alive and row.takes_builds(standing),
            "sentence": why_idle(row, standing.of(row.host)) if row.pk in alive else what_became_of(row),
            "disks": disks_of(row),
            "running": busy.get(row.name, 0),
            "ended_last_hour": pace.get(row.name, 0),
        }
        for row in rows
    ]


def _running_by_worker() -> dict[str, int]:
    return dict(Build.objects.filter(state__in=RUNNING).order_by().values_list("worker").annotate(Count("pk")))


_FIELDS = (
    "id",
    "name",
    "host",
    "slots",
    "builder",
    "builder_fault",
    "disk_fault",
    "disk_free_bytes",
    "disk_total_bytes",
    "memory_free_bytes",
    "memory_total_bytes",
    "cpus",
    "load",
    "started_at",
    "seen_at",
    "drain_asked_at",
    "stopped_at",
)
