"""The builds room in the admin: find anything, follow links, trigger, cancel and retry. History stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from accounts.models import User
from builds.actions import cancel_build, pauses, request_probe, retry_build, trigger_builds, workers
from builds.core.rules import Ref, check_rule
from builds.models import (
    Build,
    BuildEvent,
    BuildRule,
    CatchUp,
    CatchUpLook,
    DebugImage,
    DebugSession,
    LogArchive,
    Pause,
    Review,
    RulesFileRead,
    SkippedPush,
    Source,
    SourceRefs,
    Step,
    Variable,
    Worker,
)
from builds.reading import sentence_of
from lib.admin import ReadOnlyAdmin, ReadOnlyInline, link_to
from lib.humanize import format_size
from lib.refusal import Refused


class BuildRuleInline(ReadOnlyInline):
    model = BuildRule
    fields: ClassVar[list[Any]] = ["position", "ref_type", "pattern", "tags", "dockerfile", "autobuild", "cache"]
    readonly_fields: ClassVar[list[Any]] = fields


@admin.register(Source)
class SourceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Credentials are set on the repository's page and never shown, here neither."""

    list_display = ["repository_link", "forge", "clone_url", "default_branch", "connected_at", "probe_state"]
    list_filter = ["forge", "probe_state", "connected_at"]
    search_fields = ["clone_url", "repository__name", "repository__namespace__name", "forge_full_name"]
    list_select_related = ["repository__namespace"]
    fields = [
        "repository",
        "forge",
        "clone_url",
        "default_branch",
        "submodules",
        "lfs",
        "keeps_git_dir",
        "parallel_builds",
        "ssh_known_hosts",
        "deploy_key_public",
        "connected_at",
        "last_delivery_at",
        "probe_sentence",
    ]
    readonly_fields = [
        "repository",
        "forge",
        "clone_url",
        "deploy_key_public",
        "connected_at",
        "last_delivery_at",
        "probe_sentence",
    ]
    inlines = [BuildRuleInline]
    actions = ["trigger", "probe"]

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    @admin.display(description="repository")
    def repository_link(self, row: Source) -> str:
        return link_to(row.repository)

    @admin.action(description="Trigger a build of the default branch")
    def trigger(self, request: HttpRequest, rows: QuerySet[Source]) -> None:
        def one(actor: User, source: Source) -> str:
            if not source.default_branch:
                raise Refused(
                    f"{source.repository}: its default branch is not known yet. Look at the Git server first."
                )
            made = trigger_builds(actor, source, Ref("branch", source.default_branch))
            return f"{source.repository}: {', '.join(f'build #{build.number}' for build in made)} is asked for."

        _for_each(self, request, rows, one)

    @admin.action(description="Look at the Git server")
    def probe(self, request: HttpRequest, rows: QuerySet[Source]) -> None:
        def one(_actor: User, source: Source) -> str:
            request_probe(source)
            return f"{source.repository}: a worker is asking {source.clone_url}."

        _for_each(self, request, rows, one)


@admin.register(BuildRule)
class BuildRuleAdmin(ReadOnlyAdmin):
    """Rules are edited with their tester beside them, on the repository's page."""

    list_display = ["__str__", "source_link", "tags", "dockerfile", "autobuild", "cache", "problems"]
    list_filter = ["ref_type", "autobuild", "cache"]
    search_fields = ["pattern", "source__clone_url", "source__repository__name"]
    list_select_related = ["source__repository__namespace"]

    @admin.display(description="source")
    def source_link(self, row: BuildRule) -> str:
        return link_to(row.source, str(row.source.repository))

    @admin.display(description="problems")
    def problems(self, row: BuildRule) -> str:
        return " ".join(problem.message for problem in check_rule(row.spec)) or "–"


@admin.register(Variable)
class VariableAdmin(ReadOnlyAdmin):
    """Names and whose they are. Values are set on the repository's page and shown nowhere, here neither."""

    list_display = ["name", "kind", "source_link", "rule", "updated_at", "updated_by"]
    list_filter = ["kind"]
    search_fields = ["name", "source__clone_url", "source__repository__name"]
    list_select_related = ["source__repository__namespace", "rule"]
    exclude = ["value"]

    @admin.display(description="source")
    def source_link(self, row: Variable) -> str:
        return link_to(row.source, str(row.source.repository))


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    """What members were shown before they approved a fork's commit."""

    list_display = ["build", "state", "commit", "asked_at", "made_at"]
    list_filter = ["state"]
    search_fields = ["commit", "build__repository__name"]
    list_select_related = ["build__repository__namespace"]


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

        _for_each(self, request, rows, one)

    @admin.action(description="Retry the chosen builds", permissions=["view"])
    def retry(self, request: HttpRequest, rows: QuerySet[Build]) -> None:
        def one(actor: User, build: Build) -> str:
            return f"{retry_build(actor, build)} waits for a worker."

        _for_each(self, request, rows, one)


def _for_each(
    page: admin.ModelAdmin[Any], request: HttpRequest, rows: QuerySet[Any], act: Callable[[User, Any], str]
) -> None:
    """Do one thing to each row, and say of each what came of it. Only administrators act here."""
    if not (isinstance(request.user, User) and request.user.is_superuser):
        page.message_user(request, "Only an administrator may do that here.", messages.ERROR)
        return
    for row in rows:
        try:
            page.message_user(request, act(request.user, row))
        except Refused as refused:
            page.message_user(request, refused.sentence, messages.WARNING)


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

        _for_each(self, request, rows, one)

    @admin.action(description="Take the drain of the chosen workers back", permissions=["view"])
    def keep(self, request: HttpRequest, rows: QuerySet[Worker]) -> None:
        def one(actor: User, worker: Worker) -> str:
            workers.keep(actor, worker)
            return f"{worker} takes builds again."

        _for_each(self, request, rows, one)

    @admin.action(description="Forget the chosen workers that are gone", permissions=["view"])
    def forget(self, request: HttpRequest, rows: QuerySet[Worker]) -> None:
        def one(actor: User, worker: Worker) -> str:
            workers.forget(actor, worker)
            return f"{worker} is forgotten."

        _for_each(self, request, rows, one)


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

        _for_each(self, request, rows, one)


@admin.register(SkippedPush)
class SkippedPushAdmin(ReadOnlyAdmin):
    list_display = ["at", "source", "ref_type", "ref", "commit", "sentence"]
    search_fields = ["ref", "commit", "source__repository__name"]
    list_select_related = ["source"]


@admin.register(CatchUp)
class CatchUpAdmin(ReadOnlyAdmin):
    list_display = ["at", "source", "choice", "decided_at", "decided_by"]
    list_filter = ["choice", "decided_at"]
    search_fields = ["source__repository__name", "source__clone_url"]
    list_select_related = ["source"]


@admin.register(CatchUpLook)
class CatchUpLookAdmin(ReadOnlyAdmin):
    list_display = ["source", "automatic", "looked_at", "next_look_at", "failures", "sentence"]
    list_filter = ["automatic", "failures"]
    search_fields = ["source__repository__name", "source__clone_url"]
    list_select_related = ["source"]
    exclude = ["seen", "suspects"]


@admin.register(SourceRefs)
class SourceRefsAdmin(ReadOnlyAdmin):
    list_display = ["source", "total", "read_at"]
    search_fields = ["source__repository__name", "source__clone_url"]
    list_select_related = ["source"]
    exclude = ["refs"]


@admin.register(RulesFileRead)
class RulesFileReadAdmin(ReadOnlyAdmin):
    list_display = ["source", "asked_at", "not_before", "failures"]
    search_fields = ["source__repository__name", "source__clone_url"]
    list_select_related = ["source"]


@admin.register(DebugImage)
class DebugImageAdmin(ReadOnlyAdmin):
    """Images of what came before failing steps; people ask for them and remove them on the build's page."""

    list_display = ["id", "build_link", "state", "asked_by", "asked_at", "expires_at", "worker", "sentence"]
    list_filter = ["state"]
    search_fields = ["build__repository__name", "build__repository__namespace__name", "asked_by__username"]
    list_select_related = ["build__repository__namespace", "asked_by"]
    date_hierarchy = "asked_at"

    @admin.display(description="build")
    def build_link(self, image: DebugImage) -> str:
        return link_to(image.build)


@admin.register(DebugSession)
class DebugSessionAdmin(ReadOnlyAdmin):
    """Shells in the browser: who, when, how long, and why each ended. What was shown is on the build's page."""

    list_display = ["id", "user", "build_link", "opened_at", "started_at", "closed_at", "end_reason", "worker"]
    search_fields = ["user__username", "debug_image__build__repository__name"]
    list_select_related = ["user", "debug_image__build__repository__namespace"]
    date_hierarchy = "opened_at"

    @admin.display(description="build")
    def build_link(self, session: DebugSession) -> str:
        return link_to(session.debug_image.build)
