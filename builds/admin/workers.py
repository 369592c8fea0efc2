"""Workers and pauses: drain, take back, forget, resume."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import User
from builds.actions import pauses, workers
from builds.admin.each import for_each
from builds.models import (
    Pause,
    Worker,
)
from lib.admin import ReadOnlyAdmin
from lib.humanize import format_size


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    list_display = [
        "name",
        "slots",
        "builder",
        "builder_fault",
        "disk",
        "memory",
        "load",
        "seen_at",
        "drain_asked_at",
        "draining_since",
        "stopped_at",
    ]
    list_filter = ["host"]
    search_fields = ["name", "host"]
    actions = ["drain", "keep", "forget"]

    @admin.display(description="free disk", ordering="disk_free_bytes")
    def disk(self, row: Worker) -> str:
        return f"{format_size(row.disk_free_bytes)} of {format_size(row.disk_total_bytes)}"

    @admin.display(description="free memory", ordering="memory_free_bytes")
    def memory(self, row: Worker) -> str:
        return f"{format_size(row.memory_free_bytes)} of {format_size(row.memory_total_bytes)}"

    @admin.action(description="Drain the chosen workers", permissions=["view"])
    def drain(self, request: HttpRequest, rows: QuerySet[Worker]) -> None:
        def one(actor: User, worker: Worker) -> str:
            workers.ask_to_drain(actor, worker)
            return f"{worker} ends what it runs, then its process leaves."

        for_each(self, request, rows, one)

    @admin.action(description="Take the drain of the chosen workers back", permissions=["view"])
    def keep(self, request: HttpRequest, rows: QuerySet[Worker]) -> None:
        def one(actor: User, worker: Worker) -> str:
            workers.keep(actor, worker)
            return f"{worker} takes builds again."

        for_each(self, request, rows, one)

    @admin.action(description="Forget the chosen workers that are gone", permissions=["view"])
    def forget(self, request: HttpRequest, rows: QuerySet[Worker]) -> None:
        def one(actor: User, worker: Worker) -> str:
            workers.forget(actor, worker)
            return f"{worker} is forgotten."

        for_each(self, request, rows, one)


@admin.register(Pause)
class PauseAdmin(ReadOnlyAdmin):
    """Pauses are made on the queue page, where whoever makes one says why."""

    list_display = ["__str__", "at", "by", "reason"]
    search_fields = ["host", "by", "reason"]
    actions = ["resume"]

    @admin.action(description="Resume what was chosen", permissions=["view"])
    def resume(self, request: HttpRequest, rows: QuerySet[Pause]) -> None:
        def one(actor: User, pause: Pause) -> str:
            pauses.resume(actor, pause)
            return f"{pause} takes builds again."

        for_each(self, request, rows, one)
