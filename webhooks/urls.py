"""Addresses of this room: where forges deliver, and the ledger of a repository."""

from __future__ import annotations

from django.urls import URLPattern, path

from webhooks.views import inbound, pages

R = "r/<str:namespace>/<str:name>/deliveries"

urlpatterns: list[URLPattern] = [
    path("webhooks/<str:forge>/<str:source_id>", inbound.inbound, name="webhook"),
    path("webhooks/<str:forge>/<str:source_id>/", inbound.inbound),
    path(R, pages.deliveries, name="repository-deliveries"),
    path(f"{R}/<uuid:delivery_id>", pages.delivery, name="delivery"),
    path(f"{R}/<uuid:delivery_id>/replay", pages.replay, name="delivery-replay"),
]
websocket_urlpatterns: list[URLPattern] = []
