"""The addresses: each room's own, the API, the admin and health."""

from __future__ import annotations

from allauth.account import views as account
from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from imageyard import health
from imageyard.api import api

admin.autodiscover()
# One door, with its limits on guessing: the admin's own form has none.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("api/v1/", api.urls),
    path("admin/", admin.site.urls),
    # Of allauth only what has a page here. Accounts come from an administrator, and no mail is sent.
    path("accounts/login/", account.login, name="account_login"),
    path("accounts/logout/", account.logout, name="account_logout"),
    path("accounts/inactive/", account.account_inactive, name="account_inactive"),
    path("accounts/signup/", account.signup, name="account_signup"),
    path("accounts/reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("accounts/password/change/", account.password_change, name="account_change_password"),
    path("", include("accounts.urls")),
    path("", include("registry.urls")),
    path("", include("webhooks.urls")),
    path("", include("builds.urls")),
]
