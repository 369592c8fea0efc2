"""Who is told of a repository's builds: adding, switching and removing; tests, sending again, and what is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from accounts import audit
from accounts.models import User
from lib.clock import database_now
from lib.queue import enqueue
from lib.refusal import Refused
from registry.models import Repository
from webhooks.actions.notices import docker_hub_body, test_body, test_message
from webhooks.actions.notify import queue_notification
from webhooks.models import Notification, NotificationQuerySet, Subscription
from webhooks.senders.events import EVENTS, TEST
from webhooks.senders.targets import apprise_problem, shown, webhook_problem
from webhooks.senders.webhook import new_signing_secret

MOST = 30
MOST_NAME = 100
KEPT = timedelta(days=30)
RINGS = 10
_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class SubscriptionDraft:
    """What a person or a program asks for. `events` are names of `EVENTS`; Docker Hub's format knows one."""

    kind: str
    name: str
    target: str
    events: tuple[str, ...]
    format: str = Subscription.Format.IMAGEYARD


def add_subscription(actor: User, repository: Repository, draft: SubscriptionDraft) -> tuple[Subscription, str]:
    """A new subscription, and its signing secret ("" for a message), which cannot be shown again. Raises Refused."""
    name, target = " ".join(draft.name.split()), draft.target.strip()
    if not name or len(name) > MOST_NAME:
        raise Refused(f"Give it a name of up to {MOST_NAME} characters: who or what is told.")
    is_webhook = draft.kind == Subscription.Kind.WEBHOOK
    events = _checked_events(draft, is_webhook=is_webhook)
    problem = webhook_problem(target, settings.TRUSTED_HOSTS) if is_webhook else apprise_problem(target)
    if problem:
        raise Refused(problem)
    secret = new_signing_secret() if is_webhook else ""
    with transaction.atomic():
        Repository.objects.select_for_update().filter(pk=repository.pk).first()
        others = Subscription.objects.filter(repository=repository)
        if others.count() >= MOST:
            raise Refused(f"A repository tells at most {MOST}. Remove one that nobody listens to.")
        if others.filter(name=name).exists():
            raise Refused(f"There is one called “{name}” already. Remove it, or take another name.", code="conflict")
        made = Subscription.objects.create(
            repository=repository,
            kind=draft.kind,
            format=draft.format if is_webhook else Subscription.Format.IMAGEYARD,
            name=name,
            target=target,
            shown_target=shown(target, is_webhook=is_webhook),
            secret=secret,
            events=events,
            created_by=actor,
        )
        audit.record(actor, "subscription.create", repository, f"{name}: {made.shown_target}")
    return made, secret


def _checked_events(draft: SubscriptionDraft, *, is_webhook: bool) -> list[str]:
    if draft.kind not in Subscription.Kind.values or draft.format not in Subscription.Format.values:
        raise Refused("Choose a message or a webhook, and one of the formats that are offered.")
    if is_webhook and draft.format == Subscription.Format.DOCKER_HUB:
        return ["succeeded"]
    unknown = sorted(set(draft.events) - set(EVENTS))
    if unknown:
        raise Refused(f"There is no event `{unknown[0][:40]}`. There are: {', '.join(EVENTS)}.")
    if not draft.events:
        raise Refused("Choose at least one event, or nothing would ever be told.")
    return [name for name in EVENTS if name in draft.events]


def switch_subscription(actor: User, subscription: Subscription, *, on: bool) -> None:
    """Tell it again, or no more. What waits while it is off is sent when it is on again, or given up after a day."""
    with transaction.atomic():
        if Subscription.objects.filter(pk=subscription.pk, enabled=not on).update(enabled=on, last_sentence=""):
            audit.record(
                actor, "subscription.switch", subscription.repository, f"{subscription.name}: {'on' if on else 'off'}"
            )
            _ring(Notification.objects.due(database_now()).filter(subscription=subscription))


def remove_subscription(actor: User, subscription: Subscription) -> None:
    """Tell it nothing any more, and forget what it was told."""
    with transaction.atomic():
        if Subscription.objects.filter(pk=subscription.pk).delete()[0]:
            audit.record(actor, "subscription.delete", subscription.repository, subscription.name)


def send_test(actor: User, subscription: Subscription) -> Notification:
    """Tell it that this is a test. Raises Refused while it is off."""
    _require_on(subscription)
    repository, now = subscription.repository, database_now()
    if not subscription.is_webhook:
        body = test_message(repository)
    elif subscription.format == Subscription.Format.DOCKER_HUB:
        body = docker_hub_body(repository, "test", now)
    else:
        body = test_body(repository, now)
    row = Notification(subscription=subscription, event=TEST, body=body)
    with transaction.atomic():
        queue_notification(row)
        audit.record(actor, "subscription.test", repository, subscription.name)
    return row


def send_again(actor: User, old: Notification) -> Notification:
    """Send the same body under the same id once more, as a row of its own. Raises Refused while its receiver is off."""
    _require_on(old.subscription)
    row = Notification(
        subscription=old.subscription,
        build_id=old.build_id,
        event=old.event,
        tag=old.tag,
        message_id=old.message_id,
        body=old.body,
    )
    with transaction.atomic():
        queue_notification(row)
        audit.record(actor, "notification.send_again", old.subscription.repository, f"{old.event} {old.message_id}")
    return row


def _require_on(subscription: Subscription) -> None:
    if not subscription.enabled:
        raise Refused(f"“{subscription.name}” is off. Switch it on first.", code="conflict")


def ring_for_notifications(now: datetime) -> None:
    """One ring for each receiver with something due, the longest waiting first: what else waits for it comes along."""
    _ring(Notification.objects.due(now))


def _ring(due: NotificationQuerySet) -> None:
    first: dict[int, str] = {}
    for receiver, pk in due.order_by("next_at").values_list("subscription_id", "pk")[: RINGS * 20]:
        first.setdefault(receiver, str(pk))
    for one in list(first.values())[:RINGS]:
        enqueue("webhooks.send_notification", one, expires_s=9)


def forget_notifications(now: datetime) -> None:
    """What waited for a receiver that is off is given up after a day; rows of a month ago go, a bounded number."""
    late = Notification.objects.filter(
        state=Notification.State.QUEUED, subscription__enabled=False, created_at__lt=now - timedelta(days=1)
    )
    late.update(state=Notification.State.GIVEN_UP, sentence="Not sent: its receiver was switched off.")
    old = Notification.objects.filter(created_at__lt=now - KEPT).order_by("created_at")
    Notification.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:_BATCH])).delete()
