"""Addresses of this room: one's own tokens, namespaces with their members and robots. Logging in is allauth's."""

from __future__ import annotations

from django.urls import URLPattern, path

from accounts.views import members, namespaces, robots, tokens

N = "n/<str:name>"
ROBOT = f"{N}/robots/<str:robot>"

urlpatterns: list[URLPattern] = [
    path("account/tokens", tokens.tokens, name="tokens"),
    path("account/tokens/<uuid:token_id>/revoke", tokens.revoke, name="token-revoke"),
    path("n", namespaces.namespaces, name="namespaces"),
    path(f"{N}/members", members.members, name="namespace-members"),
    path(f"{N}/members/remove", members.remove, name="member-remove"),
    path(f"{N}/robots", robots.robots, name="namespace-robots"),
    path(ROBOT, robots.robot, name="namespace-robot"),
    path(f"{ROBOT}/change", robots.change, name="robot-change"),
    path(f"{ROBOT}/switch", robots.switch, name="robot-switch"),
    path(f"{ROBOT}/remove", robots.remove, name="robot-remove"),
    path(f"{ROBOT}/tokens/<uuid:token_id>/revoke", robots.revoke, name="robot-token-revoke"),
]
