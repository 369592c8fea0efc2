"""The ledger of a repository: what came in, and what came of it in words. Members only, as senders stand in it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Role
from builds.core.forge_pages import hooks_page
from builds.models import Build
from builds.views.lookup import access_to, find_repository, find_source, person
from lib.refusal import Refused
from registry.models import Repository
from webhooks.actions import can_replay, replay_delivery
from webhooks.models import Delivery
from webhooks.views.shown import shown_body

PAGE = 30
_LOOPBACK = ("localhost", "127.", "[::1]")


@login_required
@require_safe
def deliveries(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Newest first, by status and ref; with `?part=rows` the table alone."""
    repository = _member_of(request, namespace, name)
    source = find_source(repository)
    status, ref = request.GET.get("status", ""), request.GET.get("ref", "").replace("\0", "").strip()
    rows = Delivery.objects.filter(source=source).for_list()
    if status in Delivery.Status.values:
        rows = rows.filter(status=status)
    if ref:
        rows = rows.filter(Q(ref__icontains=ref) | Q(more_refs__icontains=ref))
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    builds = builds_of(page.object_list)
    context = {
        "repository": repository,
        "tab": "deliveries",
        "source": source,
        "webhook_url": f"{settings.PUBLIC_URL}/webhooks/{source.forge}/{source.pk}" if source else "",
        "hooks_page": hooks_page(source.forge, source.clone_url) if source else "",
        "is_unreachable": urlsplit(settings.PUBLIC_URL).netloc.startswith(_LOOPBACK),
        "page": page,
        "rows": [(delivery, builds[delivery.pk]) for delivery in page.object_list],
        "is_filtered": bool(status or ref),
        "statuses": Delivery.Status.choices,
    }
    part = request.GET.get("part") == "rows"
    return render(request, "webhooks/_delivery_rows.html" if part else "webhooks/deliveries.html", context)


@login_required
@require_safe
def delivery(request: HttpRequest, namespace: str, name: str, delivery_id: str) -> HttpResponse:
    """One delivery, whole: verdicts, builds, headers and body."""
    repository = _member_of(request, namespace, name)
    found = _find(repository, delivery_id)
    original = found.duplicate_of or found.replay_of or found
    context: dict[str, Any] = {
        "repository": repository,
        "tab": "deliveries",
        "delivery": found,
        "original": original if original is not found else None,
        "builds": builds_of([found])[found.pk],
        "changes": _changes(found),
        "body": shown_body(original),
        "headers": sorted(original.headers.items()),
        "can_replay": access_to(request, repository).can_write and can_replay(found),
        "replays": found.replays.for_list()[:10],
        "duplicates": found.duplicates.for_list()[:10],
    }
    return render(request, "webhooks/delivery.html", context)


@login_required
@require_POST
def replay(request: HttpRequest, namespace: str, name: str, delivery_id: str) -> HttpResponse:
    """Judge it again with the rules as they are now."""
    repository = find_repository(request, namespace, name, role=Role.WRITE)
    found = _find(repository, delivery_id)
    try:
        made = replay_delivery(person(request), found)
    except Refused as refused:
        messages.error(request, refused.sentence)
        return redirect("delivery", namespace, name, found.pk)
    messages.success(request, "Replayed with the rules as they are now.")
    return redirect("delivery", namespace, name, made.pk)


def builds_of(rows: Any) -> dict[Any, list[Build]]:
    """The builds that each delivery asked for, by the delivery's id; one query for all of them.

    Those that it asked for later, by rules that it brought along, come last.
    """
    rows = list(rows)
    wanted = {pk for row in rows for pk in row.build_ids}
    asked = Q(pk__in=wanted) | Q(delivery_id__in=[row.pk for row in rows])
    found = {build.pk: build for build in Build.objects.for_page().select_related("superseded_by").filter(asked)}
    later = {row.pk: sorted(pk for pk, build in found.items() if build.delivery_id == row.pk) for row in rows}
    return {
        row.pk: [found[pk] for pk in dict.fromkeys((*row.build_ids, *later[row.pk])) if pk in found] for row in rows
    }


def _changes(delivery: Delivery) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Where one delivery moved several refs: what came of each, with the verdicts on it."""
    return [
        (
            change,
            [
                verdict
                for verdict in delivery.verdicts
                if (verdict["ref_type"], verdict["ref"]) == (change["ref_type"], change["ref"])
            ],
        )
        for change in delivery.changes
    ]


def _member_of(request: HttpRequest, namespace: str, name: str) -> Repository:
    repository = find_repository(request, namespace, name)
    if not access_to(request, repository).is_member:
        raise Http404(f"Deliveries of {repository.path} are shown to its members.")
    return repository


def _find(repository: Repository, delivery_id: str) -> Delivery:
    rows = Delivery.objects.select_related("source", "replay_of", "duplicate_of")
    found = rows.filter(source__repository=repository, pk=delivery_id).first()
    if found is None:
        raise Http404(f"{repository.path} has no such delivery; it may have been cleared away.")
    for row in (found, found.replay_of, found.duplicate_of):
        if row is not None:
            row.source.repository = repository
    return found
