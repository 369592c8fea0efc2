"""Builds with their steps, events, logs and reviews: cancel and retry; history stays as it is."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from accounts.models import User
from builds.actions import cancel_build, retry_build
from builds.admin.each import for_each
from builds.models import (
    Build,
    BuildEvent,
    DestinationPush,
    LogArchive,
    Review,
    Step,
)
from builds.reading import sentence_of
from lib.admin import ReadOnlyAdmin, ReadOnlyInline, link_to
from lib.humanize import format_size


class StepInline(ReadOnlyInline):
    model = Step
    fields: ClassVar[list[Any]] = ["attempt", "index", "name", "state", "cached", "duration_s", "lines"]
    readonly_fields: ClassVar[list[Any]] = fields


class BuildEventInline(ReadOnlyInline):
    model = BuildEvent
    fields: ClassVar[list[Any]] = ["at", "kind", "attempt", "detail"]
    readonly_fields: ClassVar[list[Any]] = fields


@admin.register(Build)
class BuildAdmin(ReadOnlyAdmin):
    list_display = [
        "number",
        "repository_link",
        "state",
        "sentence",
        "ref",
        "commit",
        "cause",
        "attempt",
        "queued_at",
        "page",
    ]
    list_filter = ["state", "cause", "error_kind", "queued_at", "repository__namespace"]
    search_fields = ["number", "repository__name", "repository__namespace__name", "ref", "commit", "digest"]
    list_select_related = ["repository__namespace", "repository__registry", "superseded_by"]
    date_hierarchy = "queued_at"
    actions = ["cancel", "retry"]
    inlines = [StepInline, BuildEventInline]
    show_full_result_count = False

    @admin.display(description="repository", ordering="repository")
    def repository_link(self, row: Build) -> str:
        return link_to(row.repository)

    @admin.display(description="what happens")
    def sentence(self, row: Build) -> str:
        return row.wait_reason or "Waiting." if row.state == "queued" else sentence_of(row)

    @admin.display(description="page")
    def page(self, row: Build) -> str:
        return format_html('<a href="{}">open</a>', row.get_absolute_url())

    @admin.action(description="Cancel the chosen builds", permissions=["view"])
    def cancel(self, request: HttpRequest, rows: QuerySet[Build]) -> None:
        def one(actor: User, build: Build) -> str:
            cancel_build(actor, build)
            return f"{build} is being cancelled."

        for_each(self, request, rows, one)

    @admin.action(description="Retry the chosen builds", permissions=["view"])
    def retry(self, request: HttpRequest, rows: QuerySet[Build]) -> None:
        def one(actor: User, build: Build) -> str:
            return f"{retry_build(actor, build)} waits for a worker."

        for_each(self, request, rows, one)


@admin.register(Step)
class StepAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "build_link", "attempt", "index", "state", "cached", "duration_s", "lines"]
    list_filter = ["state", "cached"]
    search_fields = ["name", "build__repository__name"]
    list_select_related = ["build__repository__namespace"]

    @admin.display(description="build")
    def build_link(self, row: Step) -> str:
        return link_to(row.build)


@admin.register(BuildEvent)
class BuildEventAdmin(ReadOnlyAdmin):
    list_display = ["at", "build_link", "kind", "attempt", "detail"]
    list_filter = ["kind", "at"]
    list_select_related = ["build__repository__namespace"]

    @admin.display(description="build")
    def build_link(self, row: BuildEvent) -> str:
        return link_to(row.build)


@admin.register(DestinationPush)
class DestinationPushAdmin(ReadOnlyAdmin):
    list_display = ["asked_at", "build_link", "host", "path", "state", "turns", "sentence"]
    list_filter = ["state", "host"]
    search_fields = ["host", "path", "build__repository__name", "sentence"]
    list_select_related = ["build__repository__namespace"]

    @admin.display(description="build")
    def build_link(self, row: DestinationPush) -> str:
        return link_to(row.build)


@admin.register(LogArchive)
class LogArchiveAdmin(ReadOnlyAdmin):
    list_display = ["object_name", "build_link", "attempt", "size", "lines", "created_at"]
    search_fields = ["object_name", "build__repository__name"]
    list_select_related = ["build__repository__namespace"]
    exclude = ["index"]

    @admin.display(description="build")
    def build_link(self, row: LogArchive) -> str:
        return link_to(row.build)

    @admin.display(description="size", ordering="size_bytes")
    def size(self, row: LogArchive) -> str:
        return format_size(row.size_bytes)


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    """What members were shown before they approved a fork's commit."""

    list_display = ["build", "state", "commit", "asked_at", "made_at"]
    list_filter = ["state"]
    search_fields = ["commit", "build__repository__name"]
    list_select_related = ["build__repository__namespace"]
