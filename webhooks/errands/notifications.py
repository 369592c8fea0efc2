"""Telling receivers: one row at a time, one worker at a row, again and again for a day until it is delivered."""

from __future__ import annotations

import random
import time
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import F

from lib.clock import database_now
from lib.crypto import UndecryptableError
from lib.storable import storable
from webhooks.actions.notices import BAD, GOOD
from webhooks.models import Notification, Subscription
from webhooks.senders.apprise_sender import send_message
from webhooks.senders.base import Outcome
from webhooks.senders.webhook import send_webhook

LEASE = timedelta(seconds=120)
"""Longer than any sender takes: 8 s for a webhook, 30 s for a message."""
GIVE_UP = timedelta(hours=24)
TRIES_KEPT = 30
_FIRST_S = 10.0
_MOST_S = 3 * 3600.0
_SPREAD = 0.2
PATIENCE_S = 8.0
_BREATHER = timedelta(seconds=60)
_S = Notification.State

log = structlog.get_logger(__name__)


def send_waiting(notification_id: str, now: datetime) -> int:
    """Send one message, then what else waits for its receiver; gives how many attempts were made.

    One worker at a receiver: one that is slow must not hold up more of them. Whoever finds another there leaves its
    message to it, or to the next tick. Correctness rests on the lease of each row alone.
    """
    row = Notification.objects.filter(pk=notification_id).values_list("subscription_id", flat=True).first()
    lock = f"sending-notifications:{row}"
    if row is None or not cache.add(lock, 1, LEASE.total_seconds()):
        return 0
    try:
        until = time.monotonic() + PATIENCE_S
        made = int(send_notification(notification_id, now))
        while time.monotonic() < until:
            due = Notification.objects.due(database_now()).filter(subscription_id=row).order_by("next_at")
            waiting = due.values_list("pk", flat=True).first()
            if waiting is None or not send_notification(str(waiting), database_now()):
                break
            made += 1
    finally:
        cache.delete(lock)
    return made


def send_notification(notification_id: str, now: datetime) -> bool:
    """Make one attempt if it is due. False: it is not, or another worker is at it. Twice is harmless."""
    due = Notification.objects.due(now).filter(pk=notification_id)
    if not due.update(state=_S.SENDING, attempts=F("attempts") + 1, lease_until=now + LEASE):
        return False
    row = Notification.objects.select_related("subscription__repository__namespace").defer(
        "subscription__target", "subscription__secret"
    ).get(pk=notification_id)  # fmt: skip
    outcome = _attempt(row, now)
    log.info(
        "told a receiver",
        notification=str(row.pk),
        subscription=row.subscription_id,
        ok=outcome.ok,
        status=outcome.status,
        attempt=row.attempts,
    )
    with transaction.atomic():
        _write_down(row, outcome, database_now())
    return True


def _attempt(row: Notification, now: datetime) -> Outcome:
    subscription = row.subscription
    try:
        target, secret = subscription.target, subscription.secret
    except UndecryptableError:
        return Outcome(
            False, "Its address cannot be decrypted with the keys that are configured. Add it anew.", may_pass=False
        )
    if subscription.is_webhook:
        body = row.body.encode()
        return send_webhook(target, secret, row.webhook_id, body, now=now, trusted_hosts=settings.TRUSTED_HOSTS)
    title, _, text = row.body.partition("\n")
    tone = "good" if row.event in GOOD else "bad" if row.event in BAD else ""
    return send_message(
        target, title, text, tone=tone, app_url=settings.PUBLIC_URL, now=now, trusted_hosts=settings.TRUSTED_HOSTS
    )


def _write_down(row: Notification, outcome: Outcome, now: datetime) -> None:
    """What came of the attempt, for the row, its receiver and what else waits for it; nothing if the lease was lost."""
    sentence, response = storable(outcome.sentence), storable(outcome.response)
    told = {"at": now.isoformat(), "status": outcome.status, "sentence": sentence, "response": response}
    fields = {
        "lease_until": None,
        "response_status": outcome.status,
        "response_body": response,
        "tries": [*row.tries, told][-TRIES_KEPT:],
    }
    mine = Notification.objects.filter(pk=row.pk, state=_S.SENDING, attempts=row.attempts)
    if outcome.ok:
        kept = mine.update(state=_S.SENT, sent_at=now, sentence=sentence, **fields)
    else:
        next_at = now + timedelta(seconds=pause_s(row.attempts, outcome.wait_s))
        is_over = not outcome.may_pass or outcome.is_gone or next_at > row.created_at + GIVE_UP
        if is_over and outcome.may_pass and not outcome.is_gone:
            sentence = f"{sentence} Given up after {row.attempts} attempts in a day."
        state = _S.GIVEN_UP if is_over else _S.QUEUED
        kept = mine.update(state=state, next_at=next_at, sentence=sentence, **fields)
    if not kept:
        return
    Subscription.objects.filter(pk=row.subscription_id).update(last_sentence=sentence)
    if outcome.is_gone:
        _switch_off(row)
    elif not outcome.ok and outcome.may_pass:
        _let_rest(row, now)


def _switch_off(row: Notification) -> None:
    sentence = (
        "The receiver answered 410: it is gone for good. It was switched off; remove it, or mend and switch it on."
    )
    Subscription.objects.filter(pk=row.subscription_id, enabled=True).update(enabled=False, last_sentence=sentence)
    Notification.objects.filter(subscription_id=row.subscription_id, state=_S.QUEUED).update(
        state=_S.GIVEN_UP, sentence="Not sent: the receiver is gone (410)."
    )


def _let_rest(row: Notification, now: datetime) -> None:
    """A receiver that is away is asked by one message at a time rather than by all that wait for it."""
    others = Notification.objects.filter(subscription_id=row.subscription_id, state=_S.QUEUED).exclude(pk=row.pk)
    others.filter(next_at__lt=now + _BREATHER).update(next_at=now + _BREATHER)


def pause_s(attempts: int, wait_s: float = 0.0) -> float:
    """Seconds until the next attempt after so many: 10 s, twice as long each time, three hours at most; jittered.

    What the receiver asked for (`Retry-After`) counts where that is longer.
    """
    doubled: float = min(_FIRST_S * 2 ** min(attempts - 1, 20), _MOST_S)
    return max(doubled * random.uniform(1 - _SPREAD, 1 + _SPREAD), wait_s + random.uniform(0, 3) if wait_s else 0)  # noqa: S311 — no secret
