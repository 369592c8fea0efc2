"""Addresses of this room: one's own API tokens. Logging in and out are allauth's."""

from __future__ import annotations

from django.urls import URLPattern, path

from accounts.views import tokens

urlpatterns: list[URLPattern] = [
    path("account/tokens", tokens.tokens, name="tokens"),
    path("account/tokens/<uuid:token_id>/revoke", tokens.revoke, name="token-revoke"),
]
