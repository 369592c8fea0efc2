"""Sources with their rules, variables and what was read of them. Credentials and values are shown nowhere."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import User
from builds.actions import request_probe, trigger_builds
from builds.admin.each import for_each
from builds.core.rules import Ref, check_rule
from builds.models import (
    BuildRule,
    CatchUp,
    CatchUpLook,
    RulesFileRead,
    SkippedPush,
    Source,
    SourceRefs,
    Variable,
)
from lib.admin import ReadOnlyAdmin, ReadOnlyInline, link_to
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

        for_each(self, request, rows, one)

    @admin.action(description="Look at the Git server")
    def probe(self, request: HttpRequest, rows: QuerySet[Source]) -> None:
        def one(_actor: User, source: Source) -> str:
            request_probe(source)
            return f"{source.repository}: a worker is asking {source.clone_url}."

        for_each(self, request, rows, one)


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
