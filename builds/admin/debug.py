"""Debug images and the shells on them, as they were; people ask for them on the build's page."""

from __future__ import annotations

from django.contrib import admin

from builds.models import (
    DebugImage,
    DebugSession,
)
from lib.admin import ReadOnlyAdmin, link_to


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
