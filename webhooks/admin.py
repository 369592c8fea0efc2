"""The ledger in the administration: read, searched, replayed; never edited, since it is history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from accounts.models import User
from builds.models import Build
from lib.admin import ReadOnlyAdmin, link_to
from lib.refusal import Refused
from webhooks.actions import replay_delivery
from webhooks.models import (
    LARGE,
    CommitStatus,
    Delivery,
    ForgeConnection,
    Notification,
    SourceLink,
    Subscription,
    TriggerCall,
    TriggerToken,
)
from webhooks.models import notification as notification_models
from webhooks.models.connection import SECRETS
from webhooks.views.shown import shown_body

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Delivery]
else:
    _ModelAdmin = admin.ModelAdmin  # takes type arguments only where django-stubs is looking


@admin.register(Delivery)
class DeliveryAdmin(_ModelAdmin):
    list_display = ("short", "received_at", "repository", "event", "ref", "commit_short", "status", "sentence")
    list_filter = ("status", "event", "forge", "received_at")
    search_fields = ("=id", "ref", "commit", "sender", "sentence", "source__repository__name", "=forge_delivery_id")
    search_help_text = "Id, branch or tag, commit, sender, repository, or a word of the sentence."
    date_hierarchy = "received_at"
    list_select_related = ("source__repository__namespace",)
    list_per_page = 50
    show_full_result_count = False
    actions = ("replay",)
    fields = (
        "id", "received_at", "repository", "source", "forge", "event", "forge_delivery_id", "status", "sentence",
        "times", "ref_type", "ref", "before", "commit", "forced", "commit_message", "sender", "verdicts", "changes",
        "rules_snapshot", "builds",
        "duplicate_of", "replay_of", "as_it_was", "page", "headers", "body_bytes", "request_body",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        rows = super().get_queryset(request)
        match = request.resolver_match
        return rows.defer(*LARGE) if match and (match.url_name or "").endswith("changelist") else rows

    @admin.display(description="delivery", ordering="id")
    def short(self, delivery: Delivery) -> str:
        return delivery.short_id

    @admin.display(description="commit", ordering="commit")
    def commit_short(self, delivery: Delivery) -> str:
        return delivery.commit[:7]

    @admin.display(description="repository", ordering="source__repository__name")
    def repository(self, delivery: Delivery) -> SafeString:
        repository = delivery.source.repository
        url = reverse("admin:registry_repository_change", args=[repository.pk])
        return format_html('<a href="{}">{}</a>', url, repository.path)

    @admin.display(description="builds")
    def builds(self, delivery: Delivery) -> SafeString:
        rows = Build.objects.filter(pk__in=delivery.build_ids).order_by("number")
        links = ((reverse("admin:builds_build_change", args=[b.pk]), b.number, b.state) for b in rows)
        return format_html_join(", ", '<a href="{}">#{}</a> {}', links) or mark_safe("none")

    @admin.display(description="page")
    def page(self, delivery: Delivery) -> SafeString:
        return format_html('<a href="{0}">{0}</a>', delivery.get_absolute_url())

    @admin.display(description="body")
    def request_body(self, delivery: Delivery) -> SafeString:
        return format_html("<pre>{}</pre>", shown_body(delivery.duplicate_of or delivery.replay_of or delivery).text)

    @admin.action(description="Replay with the rules as they are now")
    def replay(self, request: HttpRequest, rows: QuerySet[Delivery]) -> None:
        assert isinstance(request.user, User)
        for delivery in rows.select_related("replay_of"):
            try:
                made = replay_delivery(request.user, delivery)
            except Refused as refused:
                self.message_user(request, f"{delivery.short_id}: {refused.sentence}", messages.WARNING)
            else:
                self.message_user(request, f"{delivery.short_id}: {made.sentence}", messages.SUCCESS)

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, _delivery: Any = None) -> bool:
        # Needed for the action; every field is read-only, so nothing can be changed.
        return bool(request.user.is_superuser)

    def has_delete_permission(self, _request: HttpRequest, _delivery: Any = None) -> bool:
        return False


@admin.register(TriggerToken)
class TriggerTokenAdmin(ReadOnlyAdmin):
    """Tokens are made and revoked on the repository's page, where their address is shown once."""

    list_display = ("name", "prefix", "repository", "created_by", "created_at", "last_used_at", "revoked_at")
    list_filter = ("revoked_at", "last_used_at")
    search_fields = ("name", "prefix", "source__repository__name")
    list_select_related = ("source__repository__namespace", "created_by")
    exclude = ("sha256",)

    @admin.display(description="repository")
    def repository(self, token: TriggerToken) -> str:
        return link_to(token.source.repository)


@admin.register(TriggerCall)
class TriggerCallAdmin(ReadOnlyAdmin):
    list_display = ("at", "token", "status", "ref", "remote_address", "sentence")
    list_filter = ("status", "at")
    search_fields = ("token__name", "ref", "sentence", "remote_address")
    list_select_related = ("token",)


@admin.register(ForgeConnection)
class ForgeConnectionAdmin(ReadOnlyAdmin):
    """Connections are made and changed on their page, where tokens go in and never come out."""

    list_display = ("name", "namespace", "forge", "kind", "check_state", "failing_sentence", "paused_until")
    list_filter = ("forge", "kind", "check_state")
    search_fields = ("name", "namespace__name", "api_url", "owner")
    list_select_related = ("namespace",)
    exclude = SECRETS


@admin.register(SourceLink)
class SourceLinkAdmin(ReadOnlyAdmin):
    list_display = ("full_name", "repository", "connection", "hook_state", "reports_status", "checked_at")
    list_filter = ("hook_state", "reports_status", "connection__forge")
    search_fields = ("full_name", "source__repository__name")
    list_select_related = ("source__repository__namespace", "connection__namespace")

    @admin.display(description="repository")
    def repository(self, link: SourceLink) -> str:
        return link_to(link.source.repository)


@admin.register(CommitStatus)
class CommitStatusAdmin(ReadOnlyAdmin):
    list_display = ("context", "commit", "state", "told", "tries", "next_at", "is_given_up", "sentence")
    list_filter = ("state", "is_given_up", "wanted_at")
    search_fields = ("=commit", "context", "source__repository__name")
    show_full_result_count = False

    @admin.display(description="told", boolean=True)
    def told(self, row: CommitStatus) -> bool:
        return row.is_told


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    """Who is told is said on the repository's page, where addresses go in and never come out."""

    list_display = ("name", "repository_link", "kind", "shown_target", "enabled", "last_sentence", "created_at")
    list_filter = ("kind", "format", "enabled")
    search_fields = ("name", "shown_target", "repository__name", "repository__namespace__name")
    list_select_related = ("repository__namespace",)
    exclude = notification_models.SECRETS

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer(*notification_models.SECRETS)

    @admin.display(description="repository")
    def repository_link(self, row: Subscription) -> str:
        return link_to(row.repository)


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "event", "subscription_name", "state", "attempts", "response_status", "sentence")
    list_filter = ("state", "event", "created_at")
    search_fields = ("=id", "subscription__name", "subscription__repository__name", "sentence")
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request).select_related("subscription", "build__repository__namespace")
        return rows.defer(*(f"subscription__{name}" for name in notification_models.SECRETS))

    @admin.display(description="told to")
    def subscription_name(self, row: Notification) -> str:
        return link_to(row.subscription)
