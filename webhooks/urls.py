"""Addresses of this room: where forges deliver, and the ledger of a repository."""

from __future__ import annotations

from django.urls import URLPattern, path

from webhooks.views import connections, forge, inbound, notifications, pages, trigger_door, triggers

R = "r/<str:namespace>/<str:name>/deliveries"
SETTINGS = "r/<str:namespace>/<str:name>/settings"

urlpatterns: list[URLPattern] = [
    path("webhooks/<str:forge>/<str:source_id>", inbound.inbound, name="webhook"),
    path("webhooks/<str:forge>/<str:source_id>/", inbound.inbound),
    path("hooks/trigger/<str:secret>", trigger_door.call, name="trigger"),
    path("hooks/trigger/<str:secret>/", trigger_door.call),
    # As Docker Hub's triggers were called.
    path("api/build/v1/source/<str:source_id>/trigger/<str:secret>/call/", trigger_door.call),
    path(f"{SETTINGS}/triggers", triggers.triggers, name="settings-triggers"),
    path(f"{SETTINGS}/triggers/<uuid:token_id>/revoke", triggers.revoke, name="settings-trigger-revoke"),
    path(f"{SETTINGS}/notifications", notifications.notifications, name="settings-notifications"),
    path(
        f"{SETTINGS}/notifications/<int:subscription_id>/<str:what>", notifications.change, name="settings-notification"
    ),
    path(f"{SETTINGS}/notifications/<uuid:notification_id>", notifications.again, name="settings-notification-again"),
    path("account/connections", connections.connections, name="connections"),
    path("account/connections/<int:connection_id>/state", connections.state, name="connection-state"),
    path("account/connections/<int:connection_id>/check", connections.check, name="connection-check"),
    path("account/connections/<int:connection_id>/delete", connections.delete, name="connection-delete"),
    path(f"{SETTINGS}/forge", forge.forge, name="settings-forge"),
    path(f"{SETTINGS}/forge/list", forge.refresh, name="settings-forge-list"),
    path(f"{SETTINGS}/forge/<str:what>", forge.errand, name="settings-forge-errand"),
    path(R, pages.deliveries, name="repository-deliveries"),
    path(f"{R}/<uuid:delivery_id>", pages.delivery, name="delivery"),
    path(f"{R}/<uuid:delivery_id>/replay", pages.replay, name="delivery-replay"),
]
websocket_urlpatterns: list[URLPattern] = []
