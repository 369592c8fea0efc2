"""The page of who is told of a repository's builds: adding, testing, switching, and every message with its attempts."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Role
from builds.views.lookup import find_repository, person
from lib import shown_once
from lib.refusal import Refused
from registry.models import Repository
from webhooks.actions.subscriptions import (
    SubscriptionDraft,
    add_subscription,
    remove_subscription,
    send_again,
    send_test,
    switch_subscription,
)
from webhooks.models import Notification, Subscription
from webhooks.models.notification import SECRETS
from webhooks.senders.events import EVENTS, USUAL

SHOWN = 30
PAGE = "settings-notifications"


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def notifications(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """The page; a POST adds one, whose signing secret the page then shows once."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    if request.method != "POST":
        if request.GET.get("part") == "log":
            return _answer(request, "webhooks/_notification_log.html", _log(repository))
        return _page(request, repository)
    draft = SubscriptionDraft(
        kind=request.POST.get("kind", ""),
        name=_typed(request, "name"),
        target=_typed(request, "target"),
        events=tuple(request.POST.getlist("events")),
        format=request.POST.get("format") or Subscription.Format.IMAGEYARD,
    )
    try:
        made, secret = add_subscription(person(request), repository, draft)
    except Refused as refused:
        return _page(request, repository, problem=refused.sentence, draft=draft, status=422)
    if secret:
        shown_once.keep(request, _kept(repository), f"{made.pk} {secret}")
    messages.success(request, f"“{made.name}” is added. Send it a test to see that it arrives.")
    return redirect(PAGE, namespace, name)


@login_required
@require_POST
def change(request: HttpRequest, namespace: str, name: str, subscription_id: int, what: str) -> HttpResponse:
    """Test it, switch it on or off, or remove it."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    row = _subscriptions(repository).filter(pk=subscription_id).first()
    if row is None or what not in _CHANGES:
        raise Http404(f"{repository.path} tells nobody of that number.")
    try:
        messages.success(request, _CHANGES[what](person(request), row))
    except Refused as refused:
        messages.error(request, refused.sentence)
    return redirect(PAGE, namespace, name)


def _test(actor: Any, row: Subscription) -> str:
    send_test(actor, row)
    return f"A test is on its way to “{row.name}”; what comes of it stands below in a moment."


def _on(actor: Any, row: Subscription) -> str:
    switch_subscription(actor, row, on=True)
    return f"“{row.name}” is told again."


def _off(actor: Any, row: Subscription) -> str:
    switch_subscription(actor, row, on=False)
    return f"“{row.name}” is told nothing until you switch it on."


def _delete(actor: Any, row: Subscription) -> str:
    remove_subscription(actor, row)
    return f"“{row.name}” is removed, with what it was told."


_CHANGES = {"test": _test, "on": _on, "off": _off, "delete": _delete}


@login_required
@require_POST
def again(request: HttpRequest, namespace: str, name: str, notification_id: UUID) -> HttpResponse:
    """Send one message once more."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    rows = Notification.objects.filter(subscription__repository=repository).select_related(_REPOSITORY)
    row = rows.defer(*(f"subscription__{secret}" for secret in SECRETS)).filter(pk=notification_id).first()
    if row is None:
        raise Http404(f"{repository.path} has no such message; they are kept for thirty days.")
    try:
        send_again(person(request), row)
    except Refused as refused:
        messages.error(request, refused.sentence)
    else:
        messages.success(request, f"The message is on its way to “{row.subscription.name}” once more.")
    return redirect(PAGE, namespace, name)


_REPOSITORY = "subscription__repository__namespace"


def _page(
    request: HttpRequest,
    repository: Repository,
    *,
    problem: str = "",
    draft: SubscriptionDraft | None = None,
    status: int = 200,
) -> HttpResponse:
    made, _, secret = shown_once.take(request, _kept(repository)).partition(" ")
    chosen = draft.events if draft else USUAL
    context = {
        **_log(repository),
        "tab": "settings",
        "subscriptions": list(_subscriptions(repository).select_related("created_by")),
        "made": made,
        "secret": secret,
        "draft": draft,
        "problem": problem,
        "events": [(name, words, name in chosen) for name, words in EVENTS.items()],
        "kinds": Subscription.Kind,
        "formats": Subscription.Format,
    }
    return _answer(request, "webhooks/notifications.html", context, status)


def _answer(request: HttpRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    response = render(request, template, context, status=status)
    response["Cache-Control"] = "private, no-store"
    return response


def _log(repository: Repository) -> dict[str, Any]:
    """What was told, newest first; `is_under_way` while a first attempt is about to end."""
    told = Notification.objects.filter(subscription__repository=repository)
    told = told.select_related("subscription", "build").defer(*(f"subscription__{name}" for name in SECRETS))
    rows = list(told[: SHOWN + 1])
    state = Notification.State
    return {
        "repository": repository,
        "log": [(row, pretty(row)) for row in rows[:SHOWN]],
        "is_cut": len(rows) > SHOWN,
        "most_shown": SHOWN,
        "is_under_way": any(
            row.state == state.SENDING or (row.state == state.QUEUED and not row.attempts and row.subscription.enabled)
            for row in rows
        ),
    }


def pretty(row: Notification) -> str:
    """The body as people read it: JSON with line breaks, words as they are."""
    if not row.body.startswith("{"):
        return row.body
    return json.dumps(json.loads(row.body), ensure_ascii=False, indent=2)


def _subscriptions(repository: Repository) -> Any:
    rows = Subscription.objects.filter(repository=repository).select_related("repository__namespace")
    return rows.defer(*SECRETS)


def _typed(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "").replace("\0", "")


def _kept(repository: Repository) -> str:
    return f"subscription:{repository.pk}"
