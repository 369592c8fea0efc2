"""The API's notifications: who is told of a repository's builds, and what they were told. For admins, as the page."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema, Status

from accounts.models import Role
from builds.views.lookup import find_repository, person
from lib.paging import MOST, USUAL
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
from webhooks.senders.events import EVENTS
from webhooks.senders.events import USUAL as USUAL_EVENTS

router = Router(tags=["notifications"])
R = "/repositories/{namespace}/{name}/notifications"


class SubscriptionIn(Schema):
    kind: str = Field(description="`webhook`, or `apprise` for a message.")
    name: str = Field(max_length=100)
    target: str = Field(
        max_length=2000, description="The webhook's URL, or the service's address as apprise writes it."
    )
    events: list[str] = Field(list(USUAL_EVENTS), description=f"Out of {', '.join(EVENTS)}.")
    format: str = Field("imageyard", description="Of a webhook's body: `imageyard` or `docker_hub`.")


class SubscriptionOut(Schema):
    id: int
    kind: str
    name: str
    target: str = Field(description="Scheme and host; the address itself is a secret.")
    events: list[str]
    format: str
    enabled: bool
    created_at: datetime
    created_by: str | None
    last_sentence: str
    secret: str | None = Field(None, description="The signing secret; only in the answer that made it.")


class SwitchIn(Schema):
    enabled: bool


class TryOut(Schema):
    at: datetime
    status: int | None
    sentence: str
    response: str


class NotificationOut(Schema):
    id: UUID
    message_id: str = Field(description="The `webhook-id` header; the same in every attempt and when sent again.")
    subscription: int
    event: str
    build: int | None
    tag: str
    state: str
    attempts: int
    next_at: datetime | None
    sentence: str
    body: str
    tries: list[TryOut]
    created_at: datetime
    sent_at: datetime | None


@router.get(R, response=list[SubscriptionOut], summary="List who is told of builds")
def listing(request: HttpRequest, namespace: str, name: str) -> Any:
    """The subscriptions of a repository, without their addresses and secrets."""
    rows = _subscriptions(_repository(request, namespace, name)).select_related("created_by")
    return [_out(row) for row in rows]


@router.post(R, response={201: SubscriptionOut}, summary="Tell somebody of builds")
def create(request: HttpRequest, namespace: str, name: str, body: SubscriptionIn) -> Any:
    """Add a webhook or a message. The signing secret of a webhook is in this answer, and never again."""
    repository = _repository(request, namespace, name)
    draft = SubscriptionDraft(body.kind, body.name, body.target, tuple(body.events), body.format)
    made, secret = add_subscription(person(request), repository, draft)
    return Status(201, {**_out(made), "secret": secret or None})


@router.patch(f"{R}/{{int:subscription_id}}", response=SubscriptionOut, summary="Switch one on or off")
def switch(request: HttpRequest, namespace: str, name: str, subscription_id: int, body: SwitchIn) -> Any:
    """Tell it again, or no more."""
    row = _subscription(request, namespace, name, subscription_id)
    switch_subscription(person(request), row, on=body.enabled)
    row.refresh_from_db(fields=["enabled", "last_sentence"])
    return _out(row)


@router.delete(f"{R}/{{int:subscription_id}}", response={204: None}, summary="Tell it nothing any more")
def remove(request: HttpRequest, namespace: str, name: str, subscription_id: int) -> Any:
    """Remove one, with what it was told."""
    remove_subscription(person(request), _subscription(request, namespace, name, subscription_id))
    return Status(204, None)


@router.post(f"{R}/{{int:subscription_id}}/test", response={202: NotificationOut}, summary="Send a test")
def test(request: HttpRequest, namespace: str, name: str, subscription_id: int) -> Any:
    """Send a message that says it is a test; what comes of it is in the log."""
    return Status(202, _told(send_test(person(request), _subscription(request, namespace, name, subscription_id))))


@router.get(f"{R}/log", response=list[NotificationOut], summary="List what was told")
def log(request: HttpRequest, namespace: str, name: str, limit: int = USUAL) -> Any:
    """The newest messages with their bodies, attempts and answers; up to 200, kept for thirty days."""
    rows = _log(_repository(request, namespace, name)).select_related("build")
    return [_told(row) for row in rows[: max(1, min(limit, MOST))]]


@router.post(f"{R}/log/{{uuid:notification_id}}/again", response={202: NotificationOut}, summary="Send one again")
def again(request: HttpRequest, namespace: str, name: str, notification_id: UUID) -> Any:
    """The same body under the same id once more, as an entry of its own."""
    repository = _repository(request, namespace, name)
    rows = _log(repository).select_related("build", "subscription__repository__namespace")
    row = rows.defer(*(f"subscription__{secret}" for secret in SECRETS)).filter(pk=notification_id).first()
    if row is None:
        raise Http404(f"{repository.path} has no such message; they are kept for thirty days.")
    return Status(202, _told(send_again(person(request), row)))


def _repository(request: HttpRequest, namespace: str, name: str) -> Repository:
    return find_repository(request, namespace, name, role=Role.ADMIN)


def _subscription(request: HttpRequest, namespace: str, name: str, pk: int) -> Subscription:
    repository = _repository(request, namespace, name)
    row: Subscription | None = _subscriptions(repository).filter(pk=pk).first()
    if row is None:
        raise Http404(f"{repository.path} tells nobody of that number.")
    return row


def _subscriptions(repository: Repository) -> Any:
    return Subscription.objects.filter(repository=repository).select_related("repository__namespace").defer(*SECRETS)


def _log(repository: Repository) -> Any:
    return Notification.objects.filter(subscription__repository=repository)


def _out(row: Subscription) -> dict[str, Any]:
    names = ("kind", "name", "events", "format", "enabled", "created_at", "last_sentence")
    shown = {name: getattr(row, name) for name in names}
    by = row.created_by.get_username() if row.created_by else None
    return {**shown, "id": row.pk, "target": row.shown_target, "created_by": by}


def _told(row: Notification) -> dict[str, Any]:
    names = ("event", "tag", "state", "attempts", "sentence", "body", "tries", "created_at", "sent_at")
    shown = {name: getattr(row, name) for name in names}
    return {
        **shown,
        "id": row.pk,
        "message_id": row.webhook_id,
        "subscription": row.subscription_id,
        "build": row.build.number if row.build else None,
        "next_at": None if row.is_final else row.next_at,
    }
