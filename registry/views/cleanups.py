"""The clean-up of the own registry's storage: what it did, what would go, what nobody knows, and starting it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.views.lookup import person
from lib.clock import database_now
from lib.refusal import Refused
from registry.actions.collections import NIGHTLY_AT, NOT_OURS, ask_collection
from registry.models import CollectionRun

SHOWN = 20
LISTED = 50
PATIENCE = timedelta(seconds=30)
"""After that somebody who asked reads why nothing happens."""


@login_required
@require_safe
def clean_up(request: HttpRequest) -> HttpResponse:
    """For superusers. `?part=rows`: without the frame."""
    _only_superusers(request)
    is_part = request.GET.get("part") == "rows"
    return render(request, "registry/_clean_up.html" if is_part else "registry/clean_up.html", _context())


def _context() -> dict[str, Any]:
    runs = list(CollectionRun.objects.select_related("registry")[:SHOWN])
    under_way = next((run for run in runs if run.is_open), None)
    known = next((run for run in runs if run.state == CollectionRun.State.DONE), None)
    found = known.found if known else {}
    return {
        "runs": [run for run in runs if not run.is_open],
        "run": under_way,
        "is_waiting": under_way is not None and _waits(under_way),
        "why_not": "" if settings.REGISTRY_AUTH == "token" else NOT_OURS,
        "dry": known if known and known.is_dry else None,
        "lines": [dict(zip(("name", "images", "layers", "bytes"), line, strict=False)) for line in _first(found)],
        "more": max(0, len(found.get("repositories", [])) - LISTED),
        "unknown": found.get("unknown", [])[:LISTED],
        "unknown_count": found.get("unknown_count", 0),
        "doubtful": found.get("doubtful", [])[:LISTED],
        "doubtful_count": found.get("doubtful_count", 0),
        "looked_at": known.ended_at if known else None,
        "nightly_at": NIGHTLY_AT,
        "window": timedelta(seconds=settings.COLLECT_WINDOW_S).total_seconds(),
    }


def _first(found: dict[str, Any]) -> list[Any]:
    """The largest first."""
    return sorted(found.get("repositories", []), key=lambda line: -line[3])[:LISTED]


def _waits(run: CollectionRun) -> bool:
    return run.state == CollectionRun.State.ASKED and run.asked_at < database_now() - PATIENCE


@login_required
@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Clean up, look what would go (`dry`), or remove one repository that nobody knows (`remove`) and clean up."""
    _only_superusers(request)
    name = request.POST.get("remove", "")
    try:
        ask_collection(person(request), is_dry="dry" in request.POST, removes=[name] if name else [])
    except Refused as refused:
        messages.error(request, refused.sentence)
    else:
        messages.success(request, f"{name} goes now, with all its images." if name else "A worker takes it up now.")
    return redirect("storage-clean-up")


def _only_superusers(request: HttpRequest) -> None:
    if not getattr(request.user, "is_superuser", False):
        raise Http404("There is no such page, or only superusers may see it.")
