"""The addresses: each room's own, the API, the admin and health."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from imageyard import health
from imageyard.api import api

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("api/v1/", api.urls),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.account.urls")),
    path("", include("accounts.urls")),
    path("", include("webhooks.urls")),
    path("", include("builds.urls")),
]
