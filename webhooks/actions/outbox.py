"""The one reader of what happened to builds: each event once, handed to all who want to know of it. Sends nothing.

Rooms below write a `BuildEvent` in the transaction of each change. Here it is taken and handed to every consumer in one
transaction: either all of them wrote what they want to do about it, or the event is read again at the next tick. A
consumer writes rows and rings bells; what has to cross the network is a task of its own, after the commit.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.db import transaction

from builds.models import BuildEvent
from webhooks.actions.notify import notify_followers
from webhooks.actions.statuses import follow_build

Consumer = Callable[[BuildEvent], None]
"""Is called within the transaction that marks the event as handled, with `event.build` at hand.

It must be harmless to call it twice for one event: a transaction that failed at its end is done again. It reads the
build as it is now rather than as it was: events are read in their order, but by two readers at the same moment.
"""

CONSUMERS: tuple[Consumer, ...] = (follow_build, notify_followers)

STALE = timedelta(days=2)
"""Older events are nobody's news any more: they are marked, and handed to nobody."""
GIVE_UP = timedelta(hours=1)
"""How long an event that a consumer cannot take is tried again."""
KEPT = timedelta(days=30)
BATCH = 200
MOST_AT_ONCE = 5_000

log = structlog.get_logger(__name__)


def read_build_events(now: datetime) -> int:
    """Hand over what nobody has read yet, oldest first; gives how many events. Two readers share the work."""
    stale = BuildEvent.objects.filter(handled_at=None, at__lt=now - STALE)
    if stale.exists():  # an update takes the lock of every writer on SQLite, also where it changes nothing
        stale.update(handled_at=now)
    handled, last = 0, 0
    while handled < MOST_AT_ONCE:
        waiting = BuildEvent.objects.filter(handled_at=None, pk__gt=last).order_by("pk")
        ids = list(waiting.values_list("pk", flat=True)[:BATCH])
        if not ids:
            break
        handled += sum(_hand_over(pk, now) for pk in ids)
        last = ids[-1]
    return handled


def _hand_over(pk: int, now: datetime) -> bool:
    """One event to every consumer. False: another reader was first, or a consumer failed."""
    try:
        with transaction.atomic():
            if not BuildEvent.objects.filter(pk=pk, handled_at=None).update(handled_at=now):
                return False
            event = BuildEvent.objects.select_related("build").get(pk=pk)
            for consume in CONSUMERS:
                consume(event)
    except Exception:  # the loop's edge: an event that one consumer cannot take must not keep the others from theirs
        log.exception("an event of a build could not be handed over", event_id=pk)
        BuildEvent.objects.filter(pk=pk, handled_at=None, at__lt=now - GIVE_UP).update(handled_at=now)
        return False
    return True


def forget_read_events(now: datetime) -> int:
    """Remove what was read long ago, a bounded number at a time; gives how many rows went."""
    old = BuildEvent.objects.filter(handled_at__lt=now - KEPT).order_by("handled_at")
    removed, _ = BuildEvent.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:MOST_AT_ONCE])).delete()
    return removed
