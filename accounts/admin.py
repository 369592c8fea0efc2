"""Accounts in the admin: users, namespaces with their members, tokens that can be revoked, and the audit to read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import ApiToken, AuditEntry, Membership, Namespace, User
from lib.admin import ReadOnlyAdmin, link_to

admin.site.site_header = "Imageyard"
admin.site.site_title = "Imageyard"
admin.site.index_title = "Administration"


class MembershipInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Membership
    extra = 0
    autocomplete_fields = ["user", "namespace"]


class KindFilter(admin.SimpleListFilter):
    """People or robots."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        return [("people", "people"), ("robots", "robots"), ("removed", "robots that were removed")]

    def queryset(self, _request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        kinds = {
            "people": rows.filter(robot_of=None),
            "robots": rows.exclude(robot_of=None).filter(robot_removed_at=None),
            "removed": rows.exclude(robot_removed_at=None),
        }
        return kinds.get(self.value() or "", rows)


@admin.register(User)
class PersonAdmin(UserAdmin):  # type: ignore[type-arg]
    """People, who are made here, and robots, which are made on the page of their namespace."""

    inlines = [MembershipInline]
    list_display = ["username", "robot_of", "email", "is_active", "is_staff", "last_login"]
    list_filter = [KindFilter, "is_active", "is_superuser", "is_staff"]
    list_select_related = ["robot_of"]

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is None or not obj.is_robot:
            return super().get_fieldsets(request, obj)
        return [(None, {"fields": ["username", "robot_of", "robot_note", "is_active", "robot_removed_at"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        readonly = list(super().get_readonly_fields(request, obj))
        # One that was removed comes back under its name on the page of its namespace, with nothing it had.
        alive = obj is None or obj.robot_removed_at is None
        robots = ["username", "robot_of", "robot_removed_at"] + ([] if alive else ["is_active"])
        return readonly + (robots if obj is not None and obj.is_robot else [])


@admin.register(Namespace)
class NamespaceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["name", "kind", "members_count", "repositories_count", "created_at"]
    list_filter = ["kind"]
    search_fields = ["name"]
    inlines = [MembershipInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        counts = {"members_n": Count("members", distinct=True), "repositories_n": Count("repositories", distinct=True)}
        rows: QuerySet[Any] = super().get_queryset(request).annotate(**counts)
        return rows

    @admin.display(description="members", ordering="members_n")
    def members_count(self, row: Any) -> int:
        return int(row.members_n)

    @admin.display(description="repositories", ordering="repositories_n")
    def repositories_count(self, row: Any) -> int:
        return int(row.repositories_n)


class OwnerFilter(admin.SimpleListFilter):
    """Whose tokens: of people or of robots."""

    title = "owner"
    parameter_name = "owner"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        return [("people", "people"), ("robots", "robots")]

    def queryset(self, _request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        asked = self.value()
        return rows.filter(user__robot_of__isnull=asked == "people") if asked in ("people", "robots") else rows


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Tokens are made by their users, who see them once; here they are found and revoked."""

    list_display = ["prefix", "name", "owner", "scope", "created_at", "last_used_at", "expires_at", "revoked_at"]
    list_filter = ["scope", OwnerFilter, "revoked_at", "expires_at", "created_at"]
    search_fields = ["prefix", "name", "user__username"]
    list_select_related = ["user"]
    readonly_fields = ["prefix", "user", "scope", "repositories", "created_at", "last_used_at", "revoked_at"]
    actions = ["revoke"]

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    @admin.display(description="user", ordering="user__username")
    def owner(self, row: ApiToken) -> str:
        return link_to(row.user)

    @admin.action(description="Revoke the chosen tokens")
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiToken]) -> None:
        count = rows.filter(revoked_at=None).update(revoked_at=timezone.now())
        self.message_user(request, f"{count} tokens revoked; whatever used them is refused from now on.")


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "actor", "action", "target", "detail"]
    list_filter = ["action", "at"]
    search_fields = ["actor__username", "action", "target", "detail"]
    list_select_related = ["actor"]
    date_hierarchy = "at"
