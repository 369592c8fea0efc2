"""Addresses of this room."""

from __future__ import annotations

from django.urls import URLPattern, path

from registry.views import token

urlpatterns: list[URLPattern] = [
    path("registry/token", token.token, name="registry-token"),
]
