"""Build what exists: the refs that a rule builds and that have no image yet, chosen and started."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Role
from builds.actions.backfill import MOST_BUILDS, back_fill, chosen, gaps_of
from builds.core.backfill import Gap, sum_up
from builds.models import Source
from builds.views.lookup import find_repository, find_source, person
from lib.humanize import plural
from lib.refusal import Refused
from registry.models import Repository

SHOWN = 200


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """The list; a POST starts the builds of what was chosen."""
    repository = find_repository(request, namespace, name, role=Role.WRITE)
    source = find_source(repository)
    if source is None:
        messages.warning(request, "Link a Git repository first: there is nothing to build yet.")
        return redirect("repository-setup", namespace, name)
    if request.method != "POST":
        return _page(request, repository, source)
    try:
        builds = back_fill(person(request), source, _wanted(request, gaps_of(source)))
    except Refused as refused:
        return _page(request, repository, source, problem=refused.sentence)
    first = f", #{builds[0].number} to #{builds[-1].number}" if len(builds) > 1 else ""
    messages.success(request, f"Asked for {plural(len(builds), 'build')}{first}. They wait behind everything else.")
    return redirect("repository-builds", namespace, name)


@login_required
@require_POST
def total(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """What the choice comes to, as it is being made."""
    repository = find_repository(request, namespace, name, role=Role.WRITE)
    source = find_source(repository)
    gaps = gaps_of(source) if source else ()
    return render(request, "builds/_back_fill_sum.html", _sum(chosen(gaps, _wanted(request, gaps))))


def _wanted(request: HttpRequest, gaps: Sequence[Gap]) -> list[str]:
    """The refs that were ticked, and where that was ticked those that the page had no room for."""
    keys = request.POST.getlist("refs")
    if request.POST.get("rest"):
        shown = set(request.POST.getlist("shown"))
        keys += [gap.key for gap in gaps if gap.key not in shown and not gap.was_tried]
    return keys


def _page(request: HttpRequest, repository: Repository, source: Source, *, problem: str = "") -> HttpResponse:
    gaps = gaps_of(source)
    find = request.GET.get("find", "").strip()
    found = [gap for gap in gaps if find.lower() in gap.ref.name.lower()]
    # The newest stand first on the page, though they are built last.
    shown = found[::-1][:SHOWN]
    rest = len([gap for gap in found[: len(found) - len(shown)] if not gap.was_tried])
    is_none = request.GET.get("tick") == "none"
    ticked = set(request.POST.getlist("refs")) if request.method == "POST" or is_none else None
    rows = [(gap, gap.key in ticked if ticked is not None else not gap.was_tried) for gap in shown]
    with_rest = bool(rest and not find)
    counted = [gap for gap, is_ticked in rows if is_ticked]
    counted += chosen(gaps, None)[:rest] if with_rest and not is_none else []
    context = {
        "repository": repository,
        "tab": "rules",
        "source": source,
        "rows": rows,
        "rest": rest,
        "with_rest": with_rest,
        "found": len(found),
        "total": len(gaps),
        "find": find,
        "is_none": is_none,
        "has_rules": source.rules.exists(),
        "problem": problem,
        **_sum(counted),
    }
    return render(request, "builds/repository_back_fill.html", context, status=409 if problem else 200)


def _sum(gaps: Sequence[Gap]) -> dict[str, Any]:
    summed = sum_up(gaps)
    return {"sum": summed, "most": MOST_BUILDS, "too_many": summed.builds > MOST_BUILDS}
