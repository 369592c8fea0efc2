"""The ledger of a repository: what came in, and what came of it in words. Members only, as senders stand in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Role
from builds.core.forge_pages import hooks_page
from builds.core.rules import describe_rule
from builds.models import Build
from builds.reading import rules_of
from builds.views.lookup import access_to, find_repository, find_source, person
from lib.refusal import Refused
from registry.models import Repository
from webhooks.actions import can_replay, can_replay_as_it_was, replay_delivery, why_not_as_it_was
from webhooks.actions.snapshot import rules_of_snapshot, since_then
from webhooks.models import Delivery
from webhooks.views.shown import shown_body

PAGE = 30
_LOOKED_AT, _MOST_EVENTS = 500, 30
_YEARS = range(2000, 3000)
_LOOPBACK = ("localhost", "127.", "[::1]")


@login_required
@require_safe
def deliveries(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Newest first, by what the form asks for; with `?part=rows` the table alone."""
    repository = _member_of(request, namespace, name)
    source = find_source(repository)
    rows = Delivery.objects.filter(source=source)
    wanted = _wanted(request)
    page = Paginator(rows.like(**wanted).for_list(), PAGE).get_page(request.GET.get("page"))
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
        "is_filtered": any(wanted.values()),
        "has_more_filters": any(wanted[name] for name in ("event", "text", "since", "until")),
        "statuses": Delivery.Status.choices,
        "events": _events(rows),
    }
    part = request.GET.get("part") == "rows"
    return render(request, "webhooks/_delivery_rows.html" if part else "webhooks/deliveries.html", context)


def _wanted(request: HttpRequest) -> dict[str, Any]:
    """What the filter's form asks for; what cannot be understood asks for nothing. The last day is included."""
    said = {name: request.GET.get(name, "").replace("\0", "").strip()[:200] for name in ("event", "ref", "text")}
    status = request.GET.get("status", "")
    since, last = _day(request.GET.get("since", "")), _day(request.GET.get("until", ""))
    return {
        **said,
        "status": status if status in Delivery.Status.values else "",
        "since": since,
        "until": last + timedelta(days=1) if last else None,
    }


def _day(text: str) -> datetime | None:
    """Midnight at the beginning of a day of our time, in UTC as all times are shown."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return day if day.year in _YEARS else None


def _events(rows: QuerySet[Delivery]) -> list[str]:
    """Names of events that are in the newest part of the ledger, for the filter."""
    newest = list(rows.values_list("event", flat=True)[:_LOOKED_AT])
    return sorted({event for event in newest if event})[:_MOST_EVENTS]


@login_required
@require_safe
def delivery(request: HttpRequest, namespace: str, name: str, delivery_id: str) -> HttpResponse:
    """One delivery, whole: verdicts, builds, headers and body."""
    repository = _member_of(request, namespace, name)
    found = _find(repository, delivery_id)
    original = found.duplicate_of or found.replay_of or found
    can_write = access_to(request, repository).can_write
    context: dict[str, Any] = {
        "repository": repository,
        "tab": "deliveries",
        "delivery": found,
        "original": original if original is not found else None,
        "builds": builds_of([found])[found.pk],
        "changes": _changes(found),
        "body": shown_body(original),
        "headers": sorted(original.headers.items()),
        "can_replay": can_write and can_replay(found),
        "can_replay_as_it_was": can_replay_as_it_was(found),
        "why_not_as_it_was": why_not_as_it_was(found),
        "since_then": _since_then(found),
        "replays": found.replays.for_list()[:10],
        "duplicates": found.duplicates.for_list()[:10],
    }
    return render(request, "webhooks/delivery.html", context)


@login_required
@require_POST
def replay(request: HttpRequest, namespace: str, name: str, delivery_id: str) -> HttpResponse:
    """Judge it again with the rules as they are now, or with `rules=then` as they were."""
    repository = find_repository(request, namespace, name, role=Role.WRITE)
    found = _find(repository, delivery_id)
    as_it_was = request.POST.get("rules") == "then"
    try:
        made = replay_delivery(person(request), found, as_it_was=as_it_was)
    except Refused as refused:
        messages.error(request, refused.sentence)
        return redirect("delivery", namespace, name, found.pk)
    messages.success(request, f"Replayed with the rules as they {'were then' if as_it_was else 'are now'}.")
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


def _since_then(delivery: Delivery) -> list[tuple[str, str]]:
    """Of each rule that judged it, as it was: how it read, and what became of it since."""
    then = rules_of_snapshot(delivery.rules_snapshot)
    told = since_then(then, rules_of(delivery.source)) if then else {}
    return [(describe_rule(rule), told[rule.id]) for rule in then]


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
