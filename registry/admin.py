"""The registry room in the admin. Tags and their moves are history: a tag moves by a build, not by hand."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from lib.admin import ReadOnlyAdmin, ReadOnlyInline, link_to
from registry.actions.accounts_there import request_check
from registry.models import Destination, PullCredential, Registry, Repository, Tag, TagMove


class PasswordForm(forms.ModelForm):  # type: ignore[type-arg]
    """The password can be set and never read; left empty it stays as it is."""

    password = forms.CharField(
        required=False, widget=forms.PasswordInput(attrs={"autocomplete": "off"}), help_text="Empty: as it is."
    )

    def clean_password(self) -> str:
        return self.cleaned_data["password"] or str(self.instance.password)


class RegistryForm(PasswordForm):
    class Meta:
        model = Registry
        fields = [
            "name",
            "kind",
            "namespace",
            "host",
            "scheme",
            "username",
            "password",
            "path_template",
            "test_path",
            "is_default",
            "keeps_build_tags",
        ]


class CredentialForm(PasswordForm):
    class Meta:
        model = PullCredential
        fields = ["namespace", "host", "scheme", "username", "password", "test_image"]


class CheckedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """What is saved here is tried by a worker, as on the pages."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        request_check(obj)


@admin.register(Registry)
class RegistryAdmin(CheckedAdmin):
    form = RegistryForm
    list_display = ["name", "kind", "host", "namespace", "username", "check_state", "is_default", "repositories_count"]
    list_filter = ["kind", "check_state"]
    list_select_related = ["namespace"]
    search_fields = ["name", "host"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).annotate(repositories_n=Count("repositories"))
        return rows

    @admin.display(description="repositories", ordering="repositories_n")
    def repositories_count(self, row: Any) -> int:
        return int(row.repositories_n)


@admin.register(PullCredential)
class PullCredentialAdmin(CheckedAdmin):
    form = CredentialForm
    list_display = ["host", "namespace", "username", "check_state", "last_used_at"]
    list_filter = ["check_state"]
    list_select_related = ["namespace"]
    search_fields = ["host", "username", "namespace__name"]


@admin.register(Destination)
class DestinationAdmin(ReadOnlyAdmin):
    list_display = ["repository", "registry", "remote_path", "is_on"]
    list_filter = ["is_on", "registry"]
    search_fields = ["remote_path", "repository__name", "repository__namespace__name"]
    list_select_related = ["repository__namespace", "registry"]


class TagInline(ReadOnlyInline):
    model = Tag
    fields: ClassVar[list[Any]] = ["name", "digest", "size_bytes", "build_number", "pushed_at"]
    readonly_fields: ClassVar[list[Any]] = fields
    max_num = 50


@admin.register(Repository)
class RepositoryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["path", "visibility", "registry", "created_at"]
    list_filter = ["visibility", "registry", "namespace"]
    search_fields = ["name", "namespace__name", "description"]
    list_select_related = ["namespace", "registry"]
    autocomplete_fields = ["namespace", "registry"]
    inlines = [TagInline]


@admin.register(Tag)
class TagAdmin(ReadOnlyAdmin):
    list_display = ["name", "repository_link", "digest", "build_number", "pushed_at"]
    list_filter = ["pushed_at"]
    search_fields = ["name", "digest", "repository__name", "repository__namespace__name"]
    list_select_related = ["repository__namespace"]

    @admin.display(description="repository")
    def repository_link(self, row: Tag) -> str:
        return link_to(row.repository)


@admin.register(TagMove)
class TagMoveAdmin(ReadOnlyAdmin):
    list_display = ["at", "tag", "repository_link", "moved", "build_number", "from_digest", "to_digest", "sentence"]
    list_filter = ["moved", "at"]
    search_fields = ["tag", "repository__name", "repository__namespace__name", "to_digest", "from_digest"]
    list_select_related = ["repository__namespace"]
    date_hierarchy = "at"

    @admin.display(description="repository")
    def repository_link(self, row: TagMove) -> str:
        return link_to(row.repository)
