"""Addresses of this room: where registries' clients get their tokens, and the page of a namespace."""

from __future__ import annotations

from django.urls import URLPattern, path

from registry.views import events, namespaces, token

N = "n/<str:name>"

urlpatterns: list[URLPattern] = [
    path("registry/events", events.events, name="registry-events"),
    path("registry/token", token.token, name="registry-token"),
    path(N, namespaces.namespace, name="namespace"),
]
