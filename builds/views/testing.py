"""Tests and hooks of a repository: the two switches, and how the newest tests ended."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Role
from builds.actions.testing import set_autotest, trust_hooks
from builds.models import Build, Source
from builds.views.lookup import find_repository, find_source, person
from lib.refusal import Refused
from registry.models import Repository

SHOWN = 5


@login_required
@require_safe
def page(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Both switches; that of hooks moves for administrators of the server alone."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    context = {
        "repository": repository,
        "tab": "settings",
        "source": find_source(repository),
        "tested": _tested(repository),
        "may_trust": person(request).is_superuser,
        "has_engine": bool(settings.HOOKS_DOCKER_HOST),
    }
    return render(request, "builds/repository_testing.html", context)


def _tested(repository: Repository) -> list[Build]:
    return list(Build.objects.filter(repository=repository).exclude(tests=[]).for_page().order_by("-number")[:SHOWN])


@login_required
@require_POST
def autotest(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Switch the tests on or off."""
    repository, source = _source(request, namespace, name)
    set_autotest(person(request), source, on=request.POST.get("autotest") == "on")
    messages.success(request, "Saved: tests run." if source.autotest else "Saved: tests do not run.")
    return redirect("settings-tests", *repository.path.split("/"))


@login_required
@require_POST
def hooks(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Trust the repository's hooks, or take that back."""
    repository, source = _source(request, namespace, name)
    try:
        trust_hooks(person(request), source, trusted=request.POST.get("trusted") == "on")
    except Refused as refused:
        messages.error(request, refused.sentence)
    else:
        messages.success(request, "Saved: hooks run." if source.hooks_trusted else "Saved: hooks do not run.")
    return redirect("settings-tests", *repository.path.split("/"))


def _source(request: HttpRequest, namespace: str, name: str) -> tuple[Repository, Source]:
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    source = find_source(repository)
    if source is None:
        raise Http404(f"No Git repository is linked to {repository.path} yet. Link one first.")
    return repository, source
