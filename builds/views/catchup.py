"""Missed pushes: the page that says when they were looked for, and the answers of members to what was found."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Role
from builds.actions.catchup import ask_look, decide_catch_up, set_automatic
from builds.models import CatchUp, CatchUpLook, Source
from builds.views.lookup import find_repository, find_source, person
from lib.humanize import plural
from lib.refusal import Refused
from registry.models import Repository

DECISIONS_SHOWN = 10


@login_required
@require_safe
def page(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """When they were looked for, what is asked, what was decided; with `?part=look` the first of it alone."""
    repository = find_repository(request, namespace, name, role=Role.WRITE)
    source = find_source(repository)
    decided = CatchUp.objects.filter(source=source).exclude(decided_at=None)[:DECISIONS_SHOWN] if source else []
    context = {
        "repository": repository,
        "tab": "settings",
        "source": source,
        "look": CatchUpLook.objects.filter(source=source).first() if source else None,
        "decided": decided,
    }
    part = request.GET.get("part") == "look"
    return render(request, "builds/_catch_up_look.html" if part else "builds/repository_catch_up.html", context)


@login_required
@require_POST
def look(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Ask a worker to look now."""
    repository, source = _source(request, namespace, name)
    ask_look(person(request), source)
    messages.success(request, "A worker compares the branches and tags with what was built now.")
    return _back(repository)


@login_required
@require_POST
def automatic(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Whether the newest is built without asking."""
    repository, source = _source(request, namespace, name)
    on = request.POST.get("automatic") == "on"
    set_automatic(person(request), source, on=on)
    said = "The newest missed pushes are built without asking from now on." if on else "You are asked from now on."
    messages.success(request, said)
    return _back(repository)


@login_required
@require_POST
def decide(request: HttpRequest, namespace: str, name: str, question_id: int) -> HttpResponse:
    """The answer to a question: newest, all or none."""
    _, source = _source(request, namespace, name)
    question = CatchUp.objects.filter(source=source, pk=question_id).first()
    if question is None:
        messages.warning(request, "This question is gone: what it was about was built meanwhile, or moved on.")
        return redirect("repository-builds", namespace, name)
    try:
        builds = decide_catch_up(person(request), question, request.POST.get("choice", ""))
    except Refused as refused:
        messages.warning(request, refused.sentence)
    else:
        made = f"{plural(len(builds), 'build')} asked for." if builds else "Nothing is built of them."
        messages.success(request, made)
    return redirect("repository-builds", namespace, name)


def _source(request: HttpRequest, namespace: str, name: str) -> tuple[Repository, Source]:
    repository = find_repository(request, namespace, name, role=Role.WRITE)
    source = find_source(repository)
    if source is None:
        raise Http404(f"No Git repository is linked to {repository.path} yet. Link one first.")
    return repository, source


def _back(repository: Repository) -> HttpResponse:
    return redirect("settings-catch-up", repository.namespace.name, repository.name)
