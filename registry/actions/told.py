"""What the registry told of pushes and deletions by hand: taken in, handed out to a worker, put off, forgotten.

A notification is a reason to look, not the truth: it comes late, twice, or after a newer one. So a worker asks the
registry where the tag points and writes that (`registry.actions.looks`); the event itself goes into the history only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from lib.clock import database_now
from lib.queue import enqueue
from registry.actions.own import own_repositories
from registry.core.notifications import Told
from registry.models import RegistryEvent, TagComparison

LEASE = timedelta(minutes=2)
GIVE_UP = timedelta(hours=24)
KEPT = timedelta(days=14)
MOST_AT_ONCE = 100
"""Tags of one repository that are looked at under one lock."""
_SENTENCE = 300


def take_told(told: Sequence[Told], now: datetime) -> int:
    """Keep the pushes and deletions that people and robots made in repositories that are known; gives how many.

    What builds and Imageyard itself do is written down where they do it. The same event again is the same row.
    """
    mine = [one for one in told if one.action != "pull" and one.is_by_hand]
    if not mine:
        return 0
    repositories = own_repositories({one.repository for one in mine})
    rows = [
        RegistryEvent(
            event_id=one.id,
            repository_id=repositories[one.repository],
            action=one.action,
            tag=one.tag,
            digest=one.digest,
            media_type=one.media_type,
            by=one.actor,
            at=one.at,
            received_at=now,
            not_before=now,
        )
        for one in mine
        if one.repository in repositories
    ]
    if rows:
        with transaction.atomic():
            RegistryEvent.objects.bulk_create(rows, batch_size=200, ignore_conflicts=True)
            ring()
    return len(rows)


def ring() -> None:
    enqueue("registry.look_at_told", expires_s=60)


def ring_for_told(now: datetime) -> None:
    """From the tick: what nobody looked at yet, because a ring was lost, a worker died, or the registry was away."""
    if RegistryEvent.objects.filter(handled_at=None, not_before__lte=now).exists():
        ring()


def take_events() -> list[RegistryEvent]:
    """The oldest that are due, all of one repository, each with a lease for whoever got it; none: nothing to do."""
    now = database_now()
    due = RegistryEvent.objects.filter(handled_at=None, not_before__lte=now)
    first = due.order_by("not_before", "pk").values_list("repository_id", flat=True).first()
    if first is None:
        return []
    taken = []
    rows = due.filter(repository_id=first).select_related("repository__namespace", "repository__registry")
    for event in rows.order_by("at", "pk")[:MOST_AT_ONCE]:
        mine = RegistryEvent.objects.filter(pk=event.pk, handled_at=None, not_before=event.not_before)
        if mine.update(not_before=now + LEASE, turns=F("turns") + 1):
            event.turns += 1
            taken.append(event)
    return taken


def put_off(events: Sequence[RegistryEvent], sentence: str, *, wait_s: float, counts: bool = True) -> None:
    """Another turn later. After a day they are given up, and the comparison finds where the tags point."""
    now = database_now()
    keys = [event.pk for event in events]
    rows = RegistryEvent.objects.filter(pk__in=keys, handled_at=None)
    old = rows.filter(received_at__lt=now - GIVE_UP)
    with transaction.atomic():
        for repository in set(old.values_list("repository_id", flat=True)):
            TagComparison.objects.update_or_create(repository_id=repository, defaults={"due_at": now})
        old.update(handled_at=now, sentence=f"Given up after a day. {sentence}"[:_SENTENCE])
        later = {"not_before": now + timedelta(seconds=wait_s), "sentence": sentence[:_SENTENCE]}
        rows.update(**later) if counts else rows.update(**later, turns=F("turns") - 1)


def settle(events: Sequence[RegistryEvent]) -> None:
    """Nothing here has to do with them."""
    if events:
        rows = RegistryEvent.objects.filter(pk__in=[event.pk for event in events], handled_at=None)
        rows.update(handled_at=database_now(), sentence="")


def forget_told(now: datetime) -> None:
    """What was looked at long ago: the registry tells nothing again after so long."""
    RegistryEvent.objects.filter(handled_at__lt=now - KEPT).delete()
