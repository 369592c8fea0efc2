"""Whose pull requests a repository builds: one choice, and what it means. The questions they ask are in `review`."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.models import Role
from builds.actions.pull_requests import set_pull_requests
from builds.models import Source
from builds.views.lookup import find_repository, find_source, person
from lib.refusal import Refused


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def pull_requests(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """The choice."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    source = find_source(repository)
    if request.method == "POST" and source is not None:
        try:
            set_pull_requests(person(request), source, request.POST.get("pull_requests", ""))
        except Refused as refused:
            messages.error(request, refused.sentence)
        else:
            messages.success(request, f"Saved: pull requests that are built: {source.get_pull_requests_display()}.")
        return redirect("settings-pull-requests", namespace, name)
    context = {
        "repository": repository,
        "tab": "settings",
        "source": source,
        "choices": Source.PullRequests.choices,
        "has_own_builder": bool(settings.UNTRUSTED_BUILDER),
        "has_rules": source is not None and source.rules.filter(ref_type="pull_request").exists(),
    }
    return render(request, "builds/repository_pull_requests.html", context)
