"""Addresses of this room: where registries' clients get their tokens, and the page of a namespace."""

from __future__ import annotations

from django.urls import URLPattern, path

from registry.views import namespaces, token

N = "n/<str:name>"

urlpatterns: list[URLPattern] = [
    path("registry/token", token.token, name="registry-token"),
    path(N, namespaces.namespace, name="namespace"),
]
