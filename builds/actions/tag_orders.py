"""What people ask of tags: rolled back, put on another image, held, released. Asked here, put by a worker.

One order at a time for each tag, taken with a lease; every write of a worker names that. Whether it may be carried out
is looked at when it is asked and once more under the publish lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts import audit
from accounts.models import User
from builds import live
from builds.actions.bases import note_digest
from builds.actions.fixed_tags import fixed_tags_of
from builds.core.refnames import quoted
from builds.core.states import ACTIVE, State
from builds.core.tag_words import fixed_words, image_words, moved_words, overtaken_words
from builds.core.tags import is_reserved, why_illegal
from builds.models import BaseImage, Build, TagOrder
from lib.clock import database_now
from lib.queue import enqueue
from lib.refusal import Refused
from registry.actions import PublishLock, TagPut, record_tags
from registry.core.reference import is_valid_tag
from registry.models import Repository, Tag, TagMove

OPEN = (TagOrder.State.ASKED, TagOrder.State.DOING)
LEASE = timedelta(seconds=150)
"""Longer than the wait for the publish lock and the putting together."""
MOST_TURNS = 5
PATIENCE = timedelta(hours=1)
"""So long an order waits for a build that is putting the same tag."""


@dataclass(frozen=True, slots=True)
class Target:
    """An image that the registry had: its digest, and the build that made it, where one did."""

    digest: str
    build_number: int | None = None

    @property
    def words(self) -> str:
        return image_words(self.build_number, self.digest)


class Waits(Exception):  # noqa: N818 — nothing is wrong
    """A build is about to put the same tag; its end comes first."""


def find_target(repository: Repository, *, build: int | None = None, digest: str = "") -> Target:
    """The image of a build that succeeded, or one that a tag of this repository had. Raises Refused for any other."""
    if build is not None:
        row = Build.objects.filter(repository=repository, number=min(build, 2**31 - 1)).only("state", "digest").first()
        if row is None:
            raise Refused(f"{repository.path} has no build #{build}.", code="not_found")
        if row.state != State.SUCCEEDED or not row.digest:
            raise Refused(f"Build #{build} has no image in the registry, so no tag can be put on it.")
        return Target(row.digest, build)
    maker = Build.objects.filter(repository=repository, digest=digest, state=State.SUCCEEDED).order_by("-number")
    number = maker.values_list("number", flat=True).first()
    if number is None and not _had(repository).filter(Q(to_digest=digest) | Q(from_digest=digest)).exists():
        raise Refused(
            f"No tag of {repository.path} ever pointed to `{digest[:80]}`, and no build made it. "
            "Take a digest from the history of a tag.",
            code="not_found",
        )
    return Target(digest, number)


def _had(repository: Repository) -> Any:
    return TagMove.objects.filter(repository=repository, moved=True)


def check_tag(repository: Repository, name: str, target: Target) -> Tag | None:
    """Where the tag points now. Raises Refused where nobody may put it on `target`."""
    if not is_valid_tag(name):
        raise Refused(f"{quoted(name)} cannot be a tag: {why_illegal(name)}.")
    if is_reserved(name):
        raise Refused(f"{quoted(name)} is the tag of a build, and those never move. Choose another tag.")
    tag = Tag.objects.filter(repository=repository, name=name).first()
    pattern = fixed_tags_of(repository.pk).pattern_of(name)
    if pattern and tag is not None and tag.digest != target.digest:
        raise Refused(fixed_words(name, pattern, image_words(tag.build_number, tag.digest)), code="conflict")
    return tag


def ask_tag(
    actor: User, repository: Repository, name: str, target: Target, *, hold: bool | None = None, seen: str | None = None
) -> TagOrder:
    """Have a tag put on an image. `hold`: afterwards held, released, or (None) as it was.

    `seen` is the digest that the tag had when the person looked. Asking the same again gives the order that is open.
    Raises Refused: a tag that never moves, one that moved meanwhile, one that somebody else is moving.
    """
    tag = check_tag(repository, name, target)
    now = tag.digest if tag else ""
    if seen is not None and seen != now:
        at = image_words(tag.build_number, tag.digest) if tag else "nothing"
        raise Refused(overtaken_words(name, at, target.words), code="conflict")
    is_back = _had(repository).filter(Q(to_digest=target.digest) | Q(from_digest=target.digest), tag=name).exists()
    try:
        with transaction.atomic():
            order = TagOrder.objects.create(
                repository=repository,
                tag=name,
                digest=target.digest,
                build_number=target.build_number,
                from_digest=now,
                from_build=tag.build_number if tag else None,
                kind=TagMove.Kind.ROLLBACK if is_back else TagMove.Kind.PROMOTE,
                hold=hold,
                by=actor.username,
                not_before=database_now(),
            )
            before = image_words(tag.build_number, tag.digest) if tag else "nothing"
            held = {True: ", held", False: ", released"}.get(hold, "")  # type: ignore[arg-type]
            audit.record(actor, f"tag.{order.kind}", repository, f"{name}: {before} → {target.words}{held}")
            _ring()
            _wake_after(order)
    except IntegrityError:
        return _open_one(repository, name, target, hold)
    return order


def _open_one(repository: Repository, name: str, target: Target, hold: bool | None) -> TagOrder:
    """The order that is in the way: the same one, or somebody else's."""
    order = TagOrder.objects.filter(repository=repository, tag=name, state__in=OPEN).first()
    if order is not None and (order.digest, order.hold) == (target.digest, hold):
        return order
    if order is None:  # it ended between the two looks
        raise Refused(f"{quoted(name)} was moved at this moment. Look where it points, and ask again.", code="conflict")
    at = image_words(order.build_number, order.digest)
    raise Refused(
        f"{order.by} is moving {quoted(name)} to {at} at this moment. Wait until it is done.", code="conflict"
    )


def release_tag(actor: User, repository: Repository, name: str) -> None:
    """Let builds move the tag again. Raises Refused where nobody holds it."""
    rows = Tag.objects.filter(repository=repository, name=name).exclude(held_since=None)
    with transaction.atomic():
        if not rows.update(held_by="", held_since=None):
            raise Refused(f"{quoted(name)} is not held; builds move it.", code="conflict")
        audit.record(actor, "tag.release", repository, name)
        transaction.on_commit(lambda: live.wake(f"repository:{repository.pk}"))


def ring_for_orders(now: datetime) -> None:
    """From the tick: orders whose ring was lost, whose worker died, or that wait for a build."""
    due = Q(state=TagOrder.State.ASKED, not_before__lte=now) | Q(state=TagOrder.State.DOING, lease_until__lt=now)
    if TagOrder.objects.filter(due).exists():
        _ring()


def _ring() -> None:
    enqueue("builds.move_tags", expires_s=60)


def take_order() -> TagOrder | None:
    """The order that has waited longest, with a lease for whoever got it; None where there is nothing to do."""
    now = database_now()
    due = Q(state=TagOrder.State.ASKED, not_before__lte=now) | Q(state=TagOrder.State.DOING, lease_until__lt=now)
    for pk in list(TagOrder.objects.filter(due).order_by("not_before", "pk").values_list("pk", flat=True)[:10]):
        taken = {"state": TagOrder.State.DOING, "lease_until": now + LEASE, "turns": F("turns") + 1}
        if TagOrder.objects.filter(due, pk=pk).update(**taken):
            order = TagOrder.objects.select_related("repository__namespace", "repository__registry").get(pk=pk)
            live.wake(_topic(order))
            return order
    return None


def check_order(order: TagOrder) -> Tag | None:
    """Under the publish lock: where the tag points. Raises Refused where it may not move, Waits for a build."""
    wanted = image_words(order.build_number, order.digest)
    tag = check_tag(order.repository, order.tag, Target(order.digest, order.build_number))
    now = tag.digest if tag else ""
    if now not in (order.from_digest, order.digest):
        at = image_words(tag.build_number, tag.digest) if tag else "nothing"
        raise Refused(overtaken_words(order.tag, at, wanted))
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


def finish_order(order: TagOrder, tag: Tag | None, lock: PublishLock, *, media_type: str, size: int | None) -> bool:
    """The tag is put: order, tag, history and hold in one transaction. False: the lock or the lease was lost."""
    before = image_words(tag.build_number, tag.digest) if tag else ""
    after = image_words(order.build_number, order.digest)
    is_back = order.kind == TagMove.Kind.ROLLBACK
    sentence = moved_words(order.tag, before, after, order.by, is_rollback=is_back, hold=order.hold)
    with transaction.atomic():
        if not lock.renew():
            return False
        ended = {"state": TagOrder.State.DONE, "sentence": sentence, "ended_at": timezone.now(), "lease_until": None}
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
        )
        _hold(order)
        for base in BaseImage.objects.filter(name=f"{order.repository.image}:{order.tag}"):
            note_digest(base, order.digest)
        _wake_after(order)
    return True


def _hold(order: TagOrder) -> None:
    rows = Tag.objects.filter(repository=order.repository, name=order.tag)
    if order.hold:
        rows.update(held_by=order.by, held_since=timezone.now())
    elif order.hold is False:
        rows.update(held_by="", held_since=None)


def put_back(order: TagOrder, sentence: str, *, wait_s: float, counts: bool = True) -> None:
    """Another turn later. One that has had its turns, or waited an hour, has failed instead."""
    if (counts and order.turns >= MOST_TURNS) or order.asked_at < timezone.now() - PATIENCE:
        says_so = sentence.endswith("moved.")  # as what `put_tags` tells does
        fail_order(order, sentence if says_so else f"{sentence} {quoted(order.tag)} was not moved.")
        return
    later = {"state": TagOrder.State.ASKED, "not_before": database_now() + timedelta(seconds=wait_s)}
    turns = order.turns if counts else order.turns - 1
    _mine(order).update(**later, sentence=sentence, lease_until=None, turns=turns)
    live.wake(_topic(order))


def fail_order(order: TagOrder, sentence: str) -> None:
    """It was not done, and why."""
    ended = {"state": TagOrder.State.FAILED, "ended_at": timezone.now(), "lease_until": None}
    _mine(order).update(**ended, sentence=sentence)
    live.wake(_topic(order))


def _mine(order: TagOrder) -> Any:
    return TagOrder.objects.filter(pk=order.pk, state=TagOrder.State.DOING, lease_until=order.lease_until)


def _topic(order: TagOrder) -> str:
    return f"repository:{order.repository_id}"


def _wake_after(order: TagOrder) -> None:
    transaction.on_commit(lambda: live.wake(_topic(order)))
