"""Writing down where a tag is, after a look at the registry: the row is the registry's truth, the history all it told.

Everything here happens under the repository's publish lock: no build or person moves tags through Imageyard meanwhile,
so what the row says and what the registry says differ only by what happened past Imageyard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from lib.clock import database_now
from lib.queue import enqueue
from registry.actions.locks import PublishLock
from registry.core.tag_told import At, deleted_words, fixed_pattern, found_words, pushed_words
from registry.models import RegistryEvent, Repository, Tag, TagMove, TagNews

MOST_TURNS = 3
SOON = timedelta(seconds=5)
_SENTENCE = 300


@dataclass(frozen=True, slots=True)
class Found:
    """What the registry has under a tag now; digest "" where it has no such tag. `media_type` "" where nobody said."""

    digest: str
    media_type: str = ""


def note_told(repository: Repository, tag: str, told: Sequence[RegistryEvent], found: Found, lock: PublishLock) -> bool:
    """Write what was told about one tag into its history, and where it is into its row. False: the lock was lost.

    `told` may be old, doubled or out of order: each event is a line at its own time, unless the history has it there,
    and none moves the row. Where the registry is at neither what was told last nor what the history says, another
    event is on its way: the last one is looked at again, and in the end it is said without one.
    """
    with transaction.atomic():
        if not lock.renew():
            return False
        row = Tag.objects.filter(repository=repository, name=tag).first()
        told = sorted(told, key=lambda event: (event.at, event.pk))
        for event in told:
            _write_line(repository, tag, event, row)
        last = told[-1]
        is_settled = found.digest in (_digest(last), _newest(repository, tag))
        waits = not is_settled and last.turns < MOST_TURNS
        done = [event.pk for event in told if not (waits and event is last)]
        RegistryEvent.objects.filter(pk__in=done).update(handled_at=database_now(), sentence="")
        if waits:
            again = {"not_before": database_now() + SOON, "sentence": "The registry is at something newer already."}
            RegistryEvent.objects.filter(pk=last.pk).update(**again)
        if waits and not found.digest:
            return True  # who took it away is told in a moment
        at = next((event.at for event in reversed(told) if _digest(event) == found.digest), None)
        _put_row(repository, tag, row, found, at or timezone.now())
        if not waits and not is_settled:
            _write_found(repository, tag, _at(row), found)
    return True


def note_found(repository: Repository, tag: str, seen: str, found: Found, lock: PublishLock) -> bool:
    """Mend a row that the comparison found wrong: `seen` is the digest that it had then. True where it was mended.

    Nothing is done where the row has moved meanwhile, or is right already.
    """
    with transaction.atomic():
        if not lock.renew():
            return False
        row = Tag.objects.filter(repository=repository, name=tag).first()
        now = row.digest if row else ""
        if now != seen or now == found.digest:
            return False
        _put_row(repository, tag, row, found, timezone.now())
        _write_found(repository, tag, _at(row), found)
    return True


def _at(row: Tag | None) -> At | None:
    return At(row.digest, row.build_number, row.held_by, is_held=row.held_since is not None) if row else None


def _newest(repository: Repository, tag: str) -> str:
    """Where the history says the tag is now; "" where it has none, or it went."""
    newest = TagMove.objects.filter(repository=repository, tag=tag, moved=True).first()
    return newest.to_digest if newest is not None else ""


def _digest(event: RegistryEvent) -> str:
    """Where the tag was after it."""
    return event.digest if event.action == RegistryEvent.Action.PUSH else ""


def _write_line(repository: Repository, tag: str, event: RegistryEvent, row: Tag | None) -> None:
    """The history's line of one event, at its time, unless the tag was there already."""
    before = _at(row)
    digest, is_push = _digest(event), event.action == RegistryEvent.Action.PUSH
    earlier = TagMove.objects.filter(repository=repository, tag=tag, moved=True, at__lte=event.at).first()
    was = earlier.to_digest if earlier is not None else _before_history(row, event)
    if was == digest:
        return
    # What the row says of build and hold counts only where the tag came from there.
    came_from = before if before is not None and before.digest == was else (At(was) if was else None)
    fixed = fixed_pattern(repository.fixed_tags, tag) if is_push else ""
    words = pushed_words(event.by, came_from, fixed) if is_push else deleted_words(event.by, came_from)
    TagMove.objects.create(
        repository=repository,
        tag=tag,
        at=event.at,
        from_digest=was,
        to_digest=digest,
        kind=TagMove.Kind.PUSH if is_push else TagMove.Kind.DELETE,
        by=event.by,
        sentence=words[:_SENTENCE],
    )


def _before_history(row: Tag | None, event: RegistryEvent) -> str:
    """Where a tag was that is older than its history: it came from what its row says."""
    is_older = row is not None and (row.pushed_at <= event.at or event.action == RegistryEvent.Action.DELETE)
    return row.digest if row is not None and is_older else ""


def _write_found(repository: Repository, tag: str, before: At | None, found: Found) -> None:
    """The line without an event; not where the newest line says so already."""
    was = _newest(repository, tag) or (before.digest if before else "")
    came_from = before if before is not None and before.digest == was else (At(was) if was else None)
    if _newest(repository, tag) == found.digest and (found.digest or before is None):
        return
    TagMove.objects.create(
        repository=repository,
        tag=tag,
        from_digest=was,
        to_digest=found.digest,
        kind=TagMove.Kind.PUSH if found.digest else TagMove.Kind.DELETE,
        sentence=found_words(came_from, found.digest)[:_SENTENCE],
    )


def _put_row(repository: Repository, tag: str, row: Tag | None, found: Found, at: datetime) -> None:
    """The row as the registry has it, with news for the rooms above; nothing where it is so already."""
    if (row.digest if row else "") == found.digest:
        return
    if not found.digest:
        Tag.objects.filter(repository=repository, name=tag).delete()
    else:
        alike = Tag.objects.filter(repository=repository, digest=found.digest, size_bytes__isnull=False).first()
        now = timezone.now()
        Tag.objects.update_or_create(
            repository=repository,
            name=tag,
            defaults={
                "digest": found.digest,
                "media_type": found.media_type or (alike.media_type if alike else ""),
                "size_bytes": alike.size_bytes if alike else None,
                "facts_due_at": None if alike else now,
                "build_number": None,
                "pushed_at": min(at, now),
            },
        )
        if alike is None:
            enqueue("registry.read_facts", expires_s=60)
    TagNews.objects.create(repository=repository, tag=tag, digest=found.digest)
    # By its name alone: who reads it, and what comes of it, is a matter of rooms above.
    enqueue("builds.read_tag_news", expires_s=60)
