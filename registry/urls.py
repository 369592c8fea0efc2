"""Addresses of this room: where registries' clients get their tokens, and the page of a namespace."""

from __future__ import annotations

from django.urls import URLPattern, path

from registry.views import cleanups, credentials, events, namespaces, registries, token, watch

N = "n/<str:name>"

urlpatterns: list[URLPattern] = [
    path("registry/events", events.events, name="registry-events"),
    path("registry/token", token.token, name="registry-token"),
    path("registries", registries.registries, name="registries"),
    path("storage/clean-up", cleanups.clean_up, name="storage-clean-up"),
    path("storage/clean-up/start", cleanups.start, name="storage-clean-up-start"),
    path("registries/<int:registry_id>/state", registries.state, name="registry-state"),
    path("registries/<int:registry_id>/check", registries.check, name="registry-check"),
    path("registries/<int:registry_id>/delete", registries.delete, name="registry-delete"),
    path("registries/watch", watch.watch, name="registry-watch"),
    path("registries/<int:registry_id>/compare", watch.compare, name="registry-compare"),
    path("registries/credentials", credentials.credentials, name="credentials"),
    path("credentials/<int:credential_id>/state", credentials.state, name="credential-state"),
    path("credentials/<int:credential_id>/check", credentials.check, name="credential-check"),
    path("credentials/<int:credential_id>/delete", credentials.delete, name="credential-delete"),
    path(f"{N}/credentials", credentials.credentials, name="namespace-credentials"),
    path(N, namespaces.namespace, name="namespace"),
]
