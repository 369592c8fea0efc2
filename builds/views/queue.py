"""The queue page: what waits and why, in the order it will start. Names of private builds stay with their members."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from builds.core.states import State
from builds.models import Build, Pause
from builds.views.lookup import person
from builds.views.workers import WorkerCard, gone_workers, worker_cards
from builds.waits import QueueEntry
from builds.waits import queue as waiting_builds
from lib.humanize import plural
from registry.models import Repository

PAGE = 50
# A line that one can take in at a glance needs no filter.
FEW = 8


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A waiting build. `build` is None where the person may not see it: it counts, and stays nameless."""

    place: int
    build: Build | None
    sentence: str
    starts_at: datetime | None


@login_required
@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    """The page; `?q=` finds repositories as the home page does, `acme/` or a part of a name."""
    return render(request, "builds/queue.html", _context(request))


@login_required
@require_safe
def fragment(request: HttpRequest) -> HttpResponse:
    """What changes of it."""
    return render(request, "builds/_queue.html", _context(request))


def _context(request: HttpRequest) -> dict[str, Any]:
    entries = waiting_builds()
    search = request.GET.get("q", "").strip()
    seen = _visible(request)
    found = _found(request, entries, search)
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    pauses = Pause.objects.standing()
    cards = worker_cards(seen, pauses)
    return {
        "waiting": _rows(page.object_list, seen),
        "waiting_total": len(entries),
        "page": page,
        "search": search,
        "can_search": bool(search) or len(entries) > FEW,
        "held": sum(hold != "" for hold in seen.values()),
        "cards": cards,
        "gone": gone_workers(),
        "pause": pauses.queue,
        "paused_hosts": [pause for host, pause in pauses.hosts.items() if all(card.name != host for card in cards)],
        "is_administrator": person(request).is_superuser,
        "summary": _summary(len(entries), cards),
    }


def _visible(request: HttpRequest) -> dict[int, str]:
    """Builds under way that the person may see, each with what it is held for."""
    return dict(Build.objects.visible_to(request.user).active().values_list("pk", "hold"))


def _found(request: HttpRequest, entries: list[QueueEntry], search: str) -> list[QueueEntry]:
    """The entries of repositories that the person may see and that the search names; all of them without one."""
    if not search:
        return entries
    namespace, slash, name = search.partition("/")
    wanted = Q(name__icontains=search) | Q(namespace__name__icontains=search)
    if slash:
        wanted = Q(namespace__name__endswith=namespace, name__startswith=name)
    rows = Repository.objects.visible_to(request.user).filter(wanted)
    waiting = Build.objects.filter(state=State.QUEUED).values("repository_id")
    matching = set(rows.filter(pk__in=waiting).values_list("pk", flat=True))
    return [entry for entry in entries if entry.repository_id in matching]


def _rows(entries: Any, seen: Container[int]) -> list[QueueRow]:
    shown = [entry.build_id for entry in entries if entry.build_id in seen]
    builds = {build.pk: build for build in Build.objects.filter(pk__in=shown).for_page()}
    now = timezone.now()
    return [
        QueueRow(
            entry.position + 1,
            builds.get(entry.build_id),
            entry.sentence,
            now + timedelta(seconds=entry.eta_s) if entry.eta_s else None,
        )
        for entry in entries
    ]


def _summary(waiting: int, cards: list[WorkerCard]) -> str:
    queue = f"{plural(waiting, 'build')} {'waits' if waiting == 1 else 'wait'}" if waiting else "Nothing waits"
    workers = [card for card in cards if card.worker]
    if not workers:
        return f"{queue}; no worker is connected."
    slots, busy = sum(card.slots for card in workers), sum(len(card.running) for card in cards)
    return f"{queue}; {busy} of {plural(slots, 'slot')} busy on {plural(len(workers), 'worker')}."
