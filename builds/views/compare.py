"""Comparing two builds: the page of its own, the tab of a build, and asking which files differ between the commits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Role
from builds.actions.changes import ask_changes
from builds.models import Build
from builds.views.build_lookup import number_asked
from builds.views.comparing import Compared, compared, two_builds, usual_partner
from builds.views.lookup import access_to, find_repository
from builds.views.review import diff_lines
from registry.models import Repository

if TYPE_CHECKING:
    from builds.views.build_tabs import Asked

_PAIR = re.compile(r"(?P<before>\d{1,9})\.\.\.(?P<after>\d{1,9})", re.ASCII)
CHOICES = 30


@require_safe
def page(request: HttpRequest, namespace: str, name: str, pair: str) -> HttpResponse:
    """`41...42`, the older one first as a rule; `?part=changes` is the list of changed files alone."""
    repository = find_repository(request, namespace, name)
    before, after = two_builds(repository, *numbers_of(pair))
    found = compared(before, after)
    context = {"repository": repository, "build": after, **_context(request, found)}
    part = request.GET.get("part") == "changes"
    return render(request, "builds/_compare_changes.html" if part else "builds/compare.html", context)


@require_safe
def choose(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """The form of the page: `?before=41&after=42` becomes an address to keep."""
    find_repository(request, namespace, name)
    before, after = number_asked(request, "before"), number_asked(request, "after")
    if before is None or after is None:
        raise Http404("Say which builds: ?before=41&after=42.")
    return redirect("builds-compare", namespace, name, f"{before}...{after}")


@require_POST
def list_changes(request: HttpRequest, namespace: str, name: str, pair: str) -> HttpResponse:
    """Have a worker find out which files differ. For members: it is work, and a public page has many readers."""
    repository = find_repository(request, namespace, name, role=Role.READ)
    ask_changes(*two_builds(repository, *numbers_of(pair)))
    return redirect("builds-compare", namespace, name, pair)


def numbers_of(pair: str) -> tuple[int, int]:
    """The two numbers of an address. Raises Http404 for what is none."""
    match = _PAIR.fullmatch(pair)
    if match is None:
        raise Http404("Builds are compared at an address like compare/41...42.")
    return int(match["before"]), int(match["after"])


def compare_context(asked: Asked) -> dict[str, Any]:
    """The tab: with the build that `?with=` names, else with the one before it of the same rule."""
    build, repository = asked.build, asked.build.repository
    number = number_asked(asked.request, "with")
    if number is None:
        usual = usual_partner(build)
        number = usual.number if usual else None
    if number is None or number == build.number:
        return {"choices": _choices(repository, build), "in_tab": True}
    before, after = two_builds(repository, number, build.number)
    return {**_context(asked.request, compared(before, after)), "in_tab": True}


def _context(request: HttpRequest, found: Compared) -> dict[str, Any]:
    repository = found.after.repository
    address = [*repository.path.split("/"), f"{found.before.number}...{found.after.number}"]
    seconds = [step.seconds or 0.0 for row in found.builds.steps for step in (row.before, row.after) if step]
    return {
        "found": found,
        "before": found.before,
        "after": found.after,
        "same_commit": bool(found.after.commit) and found.before.commit == found.after.commit,
        "diff": diff_lines("\n".join(found.builds.diff)),
        "most_s": max(seconds, default=0.0) or 1.0,
        "most_bytes": max((row.shown.size_bytes for image in found.images for row in image.layers.rows), default=1)
        or 1,
        "compare_url": reverse("builds-compare", args=address),
        "changes_url": reverse("builds-compare-changes", args=address),
        "swap_url": reverse("builds-compare", args=[*address[:2], f"{found.after.number}...{found.before.number}"]),
        "choices": _choices(repository, found.before, found.after),
        "may_ask": found.asks_nobody and access_to(request, repository).is_member,
    }


def _choices(repository: Repository, *always: Build) -> list[Build]:
    """The newest builds to choose from, and those that are shown."""
    newest = list(Build.objects.filter(repository=repository, attempt__gt=0).order_by("-number")[:CHOICES])
    numbers = {build.number for build in newest}
    rows = [*newest, *(build for build in always if build.number not in numbers)]
    return sorted(rows, key=lambda build: -build.number)
