"""Which source of rules wins: the switch between the Rules page and `.imageyard.yml`, and reading the file anew."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Role
from builds.actions.rules_file import read_again, set_rules_from
from builds.models import Source
from builds.views.lookup import find_repository, find_source, person
from lib.refusal import Refused
from registry.models import Repository


@login_required
@require_POST
def switch(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """`rules_from` is `page` or `file`."""
    _, source = _source(request, namespace, name)
    try:
        set_rules_from(person(request), source, request.POST.get("rules_from", ""))
    except Refused as refused:
        messages.warning(request, refused.sentence)
    else:
        is_file = source.rules_from == Source.RulesFrom.FILE
        said = "The rules come from the file now. A worker is reading it; until then the old ones stay in force."
        messages.success(request, said if is_file else "The rules are edited on this page from now on.")
    return redirect("repository-rules", namespace, name)


@login_required
@require_POST
def look(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Have a worker read the file now."""
    _, source = _source(request, namespace, name)
    try:
        read_again(source)
    except Refused as refused:
        messages.warning(request, refused.sentence)
    return redirect("repository-rules", namespace, name)


@require_safe
def state(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """What the file said, while it is being read. Once it was, the whole page is shown anew: there are other rules."""
    repository = find_repository(request, namespace, name)
    source = find_source(repository)
    if source is None:
        raise Http404(f"No Git repository is linked to {repository.path} yet.")
    answer = render(request, "builds/_rules_file_state.html", {"repository": repository, "source": source})
    reading = getattr(source, "rules_file_read", None)
    if request.headers.get("HX-Request") == "true" and (reading is None or reading.asked_at is None):
        answer["HX-Refresh"] = "true"
    return answer


def _source(request: HttpRequest, namespace: str, name: str) -> tuple[Repository, Source]:
    repository = find_repository(request, namespace, name, role=Role.WRITE)
    source = find_source(repository)
    if source is None:
        raise Http404(f"No Git repository is linked to {repository.path} yet. Link one first.")
    return repository, source
