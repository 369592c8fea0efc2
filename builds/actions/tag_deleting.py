"""A worker's side of deletions: taken with a lease, looked at once more, and what came of each.

Every write names the lease. What may be deleted at all is said in `builds.actions.tag_deletions`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from builds import live
from builds.actions.fixed_tags import fixed_tags_of
from builds.actions.retention_facts import Uses
from builds.actions.tag_deletions import OPEN, ring, wake_after, why_not
from builds.core.deletion_words import done_words, moved_words
from builds.core.states import ACTIVE
from builds.core.tag_words import image_words
from builds.core.tags import is_reserved
from builds.models import Build, TagOrder
from lib.clock import database_now
from lib.humanize import quoted
from registry.actions import PublishLock, record_deletion
from registry.models import Tag, TagDeletion, TagMove

State = TagDeletion.State
LEASE = timedelta(seconds=150)
"""Longer than the wait for the publish lock and the deletion together."""
MOST_TURNS = 5
PATIENCE = timedelta(hours=1)
"""So long what a person asked for waits for a build that is putting the same tag."""


class Left(Exception):  # noqa: N818 — nothing is wrong
    """The tag is left alone: it moved, or somebody wants it."""


class Waits(Exception):  # noqa: N818 — nothing is wrong
    """Somebody is putting the same tag; that comes first."""


def ring_for_deletions(now: datetime) -> None:
    """From the tick: deletions whose ring was lost, whose worker died, or that wait for a build."""
    if TagDeletion.objects.filter(_due(now)).exists():
        ring()


def _due(now: datetime) -> Q:
    """Those of people; those of a run are that run's."""
    return Q(run=None) & (Q(state=State.ASKED, not_before__lte=now) | Q(state=State.DOING, lease_until__lt=now))


def take_deletion() -> TagDeletion | None:
    """What a person asked for and has waited longest, with a lease; None where there is nothing to do."""
    due = TagDeletion.objects.filter(_due(database_now())).order_by("not_before", "pk")
    for pk in list(due.values_list("pk", flat=True)[:10]):
        if taken := lease_deletion(pk):
            return taken
    return None


def lease_deletion(pk: int) -> TagDeletion | None:
    """One deletion for whoever comes first; None where it is over or somebody else has it."""
    now = database_now()
    free = Q(state=State.ASKED) | Q(state=State.DOING, lease_until__lt=now)
    taken = {"state": State.DOING, "lease_until": now + LEASE, "turns": F("turns") + 1}
    if not TagDeletion.objects.filter(free, pk=pk).update(**taken):
        return None
    return TagDeletion.objects.select_related("repository__namespace", "repository__registry", "run").get(pk=pk)


def check_deletion(deletion: TagDeletion) -> Tag | None:
    """Under the publish lock: the tag as it is, None where its row is gone.

    Raises Left where it is to stay, Waits for somebody who is putting it.
    """
    repository, name = deletion.repository, deletion.tag
    tag = Tag.objects.filter(repository=repository, name=name).first()
    if tag is None:
        return None
    if tag.digest != deletion.digest:
        raise Left(moved_words(name, image_words(tag.build_number, tag.digest)))
    if sentence := why_not(repository, tag, fixed_tags_of(repository.pk)):
        raise Left(sentence)
    if deletion.kind == TagMove.Kind.RETENTION:
        _refuse_wanted(deletion, tag)
    _await_others(deletion)
    return tag


def _await_others(deletion: TagDeletion) -> None:
    repository, name = deletion.repository, deletion.tag
    order = TagOrder.objects.filter(repository=repository, tag=name, state__in=OPEN).first()
    if order is not None:
        raise Waits(f"{order.by} is moving {quoted(name)}; this comes right after it.")
    under_way = Build.objects.filter(repository=repository, state__in=ACTIVE).exclude(publication={})
    for number, publication in under_way.values_list("number", "publication"):
        if name in publication.get("tags", ()):
            raise Waits(f"Build #{number} is about to put {quoted(name)}; this comes right after it.")


def _refuse_wanted(deletion: TagDeletion, tag: Tag) -> None:
    """What a policy chose a while ago may be wanted by now."""
    if tag.last_pulled_at is not None and tag.last_pulled_at > deletion.asked_at:
        raise Left(f"{quoted(tag.name)} was left alone: somebody pulled it meanwhile.")
    if clause := Uses(deletion.repository).of(tag.name, tag.digest):
        raise Left(f"{quoted(tag.name)} was left alone: {clause}.")
    alike = Tag.objects.filter(repository=deletion.repository, digest=tag.digest).floating()
    if is_reserved(tag.name) and (other := alike.values_list("name", flat=True).first()):
        raise Left(f"{quoted(tag.name)} was left alone: {quoted(other)} points to its image by now.")


def is_where_it_was(deletion: TagDeletion) -> bool:
    """Whether the row still says that the tag has the digest that was to go."""
    return Tag.objects.filter(repository=deletion.repository, name=deletion.tag, digest=deletion.digest).exists()


def siblings_of(deletion: TagDeletion) -> list[str]:
    """Other tags that keep the image."""
    alike = Tag.objects.filter(repository=deletion.repository, digest=deletion.digest).exclude(name=deletion.tag)
    return list(alike.order_by("name").values_list("name", flat=True)[:100])


def hold_lease(deletion: TagDeletion) -> bool:
    """The last look before the registry sees it; False where somebody else has taken the deletion."""
    until = database_now() + LEASE
    held = bool(_mine(deletion).update(lease_until=until))
    deletion.lease_until = until
    return held


def finish_deletion(deletion: TagDeletion, lock: PublishLock) -> bool:
    """The tag is gone from the registry: its row, the history and this in one transaction.

    False: the lock or the lease was lost, and whoever has it now finds the tag gone.
    """
    at = image_words(deletion.build_number, deletion.digest)
    sentence = done_words(deletion.tag, at, by=deletion.by, why=deletion.why)
    with transaction.atomic():
        if not lock.renew() or not _end(deletion, State.DONE, sentence):
            return False
        record_deletion(
            deletion.repository, deletion.tag, deletion.digest, kind=deletion.kind, by=deletion.by, sentence=sentence
        )
        wake_after(deletion.repository_id)
    return True


def leave(deletion: TagDeletion, sentence: str) -> None:
    """The tag stays, and why."""
    _end(deletion, State.LEFT, sentence)
    live.wake(f"repository:{deletion.repository_id}")


def fail_deletion(deletion: TagDeletion, sentence: str) -> None:
    """It was not done, and why."""
    _end(deletion, State.FAILED, sentence)
    live.wake(f"repository:{deletion.repository_id}")


def put_back(deletion: TagDeletion, sentence: str, *, wait_s: float, counts: bool = True) -> None:
    """Another turn later. One that has had its turns, or waited an hour, has failed instead."""
    is_late = deletion.run_id is None and deletion.asked_at < timezone.now() - PATIENCE
    if is_late or (counts and deletion.turns >= MOST_TURNS):
        fail_deletion(deletion, f"{sentence} {quoted(deletion.tag)} is still there.")
        return
    later = {"state": State.ASKED, "not_before": database_now() + timedelta(seconds=wait_s), "lease_until": None}
    turns = deletion.turns if counts else deletion.turns - 1
    _mine(deletion).update(**later, sentence=sentence, turns=turns)
    live.wake(f"repository:{deletion.repository_id}")


def _end(deletion: TagDeletion, state: str, sentence: str) -> bool:
    ended = {"state": state, "sentence": sentence, "ended_at": timezone.now(), "lease_until": None}
    return bool(_mine(deletion).update(**ended))


def _mine(deletion: TagDeletion) -> Any:
    return TagDeletion.objects.filter(pk=deletion.pk, state=State.DOING, lease_until=deletion.lease_until)
