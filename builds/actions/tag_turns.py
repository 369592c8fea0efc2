"""A worker's turns at what people ask of tags: taken with a lease, looked at once more, put, put off or given up.

Every write of a worker names its lease. What is asked, and whether it may be, is in `builds.actions.tag_orders`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from builds import live
from builds.actions.bases import note_digest
from builds.actions.fixed_tags import fixed_tags_of
from builds.actions.origins import order_origin, origin_of, tag_place
from builds.actions.tag_orders import Target, check_tag, ring, topic, wake_after
from builds.core.refnames import quoted
from builds.core.states import ACTIVE
from builds.core.tag_words import fixed_words, image_words, moved_words, overtaken_words, promoted_words
from builds.models import BaseImage, Build, TagOrder
from lib.clock import database_now
from lib.refusal import Refused
from registry.actions import PublishLock, TagPut, record_tags
from registry.models import Tag, TagMove

_WITH = ("repository__namespace", "repository__registry", "source__namespace", "source__registry")
LEASE = timedelta(seconds=150)
"""Longer than the wait for the publish lock and the putting together."""
MOST_TURNS = 5
PATIENCE = timedelta(hours=1)
"""So long an order waits for a build that is putting the same tag."""
COPY_PATIENCE = timedelta(hours=12)
"""One that copies from or to a registry that makes it wait."""


class Waits(Exception):  # noqa: N818 — nothing is wrong
    """A build is about to put the same tag; its end comes first."""


def ring_for_orders(now: datetime) -> None:
    """From the tick: orders whose ring was lost, whose worker died, or that wait for a build."""
    for is_copy in (False, True):
        if _due(now, is_copy=is_copy).exists():
            ring(is_copy=is_copy)


def _due(now: datetime, *, is_copy: bool) -> Any:
    due = Q(state=TagOrder.State.ASKED, not_before__lte=now) | Q(state=TagOrder.State.DOING, lease_until__lt=now)
    rows = TagOrder.objects.filter(due)
    return rows.exclude(source_path="") if is_copy else rows.filter(source_path="")


def take_order(*, is_copy: bool = False) -> TagOrder | None:
    """The order that has waited longest, with a lease for whoever got it; None where there is nothing to do.

    Copies take long, so they are taken by themselves.
    """
    now = database_now()
    for pk in list(_due(now, is_copy=is_copy).order_by("not_before", "pk").values_list("pk", flat=True)[:10]):
        taken = {"state": TagOrder.State.DOING, "lease_until": now + LEASE, "turns": F("turns") + 1}
        if _due(now, is_copy=is_copy).filter(pk=pk).update(**taken):
            order = TagOrder.objects.select_related(*_WITH).get(pk=pk)
            live.wake(topic(order))
            return order
    return None


def check_order(order: TagOrder) -> Tag | None:
    """Under the publish lock: where the tag points. Raises Refused where it may not move, Waits for a build."""
    tag = check_tag(order.repository, order.tag, Target(order.digest, order.build_number))
    now = tag.digest if tag else ""
    if now not in (order.from_digest, order.digest):
        wanted = image_words(order.build_number, order.digest, order_origin(order))
        raise Refused(overtaken_words(order.tag, tag_place(tag) or "nothing", wanted))
    under_way = Build.objects.filter(repository=order.repository, state__in=ACTIVE).exclude(publication={})
    for number, publication in under_way.values_list("number", "publication"):
        if order.tag in publication.get("tags", ()):
            raise Waits(f"Build #{number} is about to put {quoted(order.tag)}; this comes right after it.")
    return tag


def refuse_unseen(order: TagOrder, found: str | None) -> None:
    """A tag that never moves and that somebody pushed by hand: only the registry (`found`) knows of it."""
    pattern = fixed_tags_of(order.repository_id).pattern_of(order.tag)
    if pattern and found not in (None, order.digest):
        raise Refused(fixed_words(order.tag, pattern, ""))


def hold_lease(order: TagOrder) -> bool:
    """The last look before the world sees it; False where somebody else has taken the order."""
    until = database_now() + LEASE
    held = bool(_mine(order).update(lease_until=until))
    order.lease_until = until
    return held


def keep_copying(order: TagOrder, done: int, total: int) -> bool:
    """While a worker copies: hold the lease, and tell how far it is. False where somebody else has taken the order."""
    until = database_now() + LEASE
    held = bool(_mine(order).update(lease_until=until, bytes_done=done, bytes_total=total or None))
    order.lease_until = until
    live.wake(topic(order))
    return held


def finish_order(
    order: TagOrder, tag: Tag | None, lock: PublishLock, *, media_type: str, size: int | None, note: str = ""
) -> bool:
    """The tag is put: order, tag, history and hold in one transaction. False: the lock or the lease was lost.

    `note` is told of the order besides.
    """
    origin = order_origin(order) or (None if order.build_number else origin_of(order.repository_id, order.digest))
    sentence = _done_words(order, tag, image_words(order.build_number, order.digest, origin))
    with transaction.atomic():
        if not lock.renew():
            return False
        told = f"{sentence} {note}".strip()
        ended = {"state": TagOrder.State.DONE, "sentence": told, "ended_at": timezone.now(), "lease_until": None}
        if not _mine(order).update(**ended):
            return False
        record_tags(
            order.repository,
            [TagPut(order.tag, moved=True, sentence=sentence)],
            digest=order.digest,
            media_type=media_type,
            size_bytes=size,
            build_number=order.build_number,
            kind=order.kind,
            by=order.by,
            origin=origin,
        )
        _hold(order)
        for base in BaseImage.objects.filter(name=f"{order.repository.image}:{order.tag}"):
            note_digest(base, order.digest)
        wake_after(order)
    return True


def _done_words(order: TagOrder, tag: Tag | None, after: str) -> str:
    before = tag_place(tag)
    if tag is not None and tag.digest == order.digest:
        return moved_words(order.tag, after, after, order.by, is_rollback=False, hold=order.hold)
    if order.is_copy:
        return promoted_words(order.tag, before, after, order.by, hold=order.hold)
    is_back = order.kind == TagMove.Kind.ROLLBACK
    return moved_words(order.tag, before, after, order.by, is_rollback=is_back, hold=order.hold)


def _hold(order: TagOrder) -> None:
    rows = Tag.objects.filter(repository=order.repository, name=order.tag)
    if order.hold:
        rows.update(held_by=order.by, held_since=timezone.now())
    elif order.hold is False:
        rows.update(held_by="", held_since=None)


def put_back(order: TagOrder, sentence: str, *, wait_s: float, counts: bool = True) -> None:
    """Another turn later. One that has had its turns, or waited an hour, has failed instead."""
    patience = COPY_PATIENCE if order.is_copy else PATIENCE
    if (counts and order.turns >= MOST_TURNS) or order.asked_at < timezone.now() - patience:
        says_so = sentence.endswith("moved.")  # as what `put_tags` tells does
        fail_order(order, sentence if says_so else f"{sentence} {quoted(order.tag)} was not moved.")
        return
    later = {"state": TagOrder.State.ASKED, "not_before": database_now() + timedelta(seconds=wait_s)}
    turns = order.turns if counts else order.turns - 1
    _mine(order).update(**later, sentence=sentence, lease_until=None, turns=turns)
    live.wake(topic(order))


def fail_order(order: TagOrder, sentence: str) -> None:
    """It was not done, and why."""
    ended = {"state": TagOrder.State.FAILED, "ended_at": timezone.now(), "lease_until": None}
    _mine(order).update(**ended, sentence=sentence)
    live.wake(topic(order))


def _mine(order: TagOrder) -> Any:
    return TagOrder.objects.filter(pk=order.pk, state=TagOrder.State.DOING, lease_until=order.lease_until)
