"""Addresses of this room: the page of a namespace."""

from __future__ import annotations

from django.urls import URLPattern, path

from registry.views import namespaces

N = "n/<str:name>"

urlpatterns: list[URLPattern] = [
    path(N, namespaces.namespace, name="namespace"),
]
