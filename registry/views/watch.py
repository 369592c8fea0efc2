"""How well Imageyard knows what registries have: the last notification, the last comparison, and what it mended."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Min
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.views.lookup import person
from registry.actions.comparisons import compare_all
from registry.core.tag_told import FOUND
from registry.models import Registry, RegistryEvent, TagComparison, TagMove

SHOWN = 20


@login_required
@require_safe
def watch(request: HttpRequest) -> HttpResponse:
    """For superusers; the same number of queries however many registries there are. `?part=rows` without the frame."""
    _only_superusers(request)
    repository = ("repository__namespace", "repository__registry")
    waiting = RegistryEvent.objects.filter(handled_at=None)
    context: dict[str, Any] = {
        "registries": Registry.objects.select_related("watch").order_by("-is_default", "name"),
        "waiting": waiting.aggregate(count=Count("pk"), since=Min("received_at")),
        "why": waiting.exclude(sentence="").order_by("received_at").first(),
        "problems": TagComparison.objects.exclude(sentence="").select_related(*repository).order_by("pk")[:SHOWN],
        # As the index `moves_that_were_found` has it.
        "mended": TagMove.objects.filter(by="", kind__in=["push", "delete"], sentence__startswith=FOUND)
        .select_related(*repository)
        .order_by("-at", "-pk")[:SHOWN],
    }
    is_part = request.GET.get("part") == "rows"
    return render(request, "registry/_watch.html" if is_part else "registry/watch.html", context)


@login_required
@require_POST
def compare(request: HttpRequest, registry_id: int) -> HttpResponse:
    """Compare all its tags now."""
    _only_superusers(request)
    registry = Registry.objects.filter(pk=registry_id).first()
    if registry is None:
        raise Http404("There is no such registry.")
    compare_all(registry, person(request), may_empty=request.POST.get("may_empty") == "on")
    messages.success(request, f"A worker compares the tags with {registry.host} now.")
    return redirect("registry-watch")


def _only_superusers(request: HttpRequest) -> None:
    if not getattr(request.user, "is_superuser", False):
        raise Http404("There is no such page, or only superusers may see it.")
