"""Tags that are to go: asked for by a person or chosen by a policy, carried out by a worker under the publish lock.

One at a time for each tag, taken with a lease; every write of a worker names that. Whether it may be carried out is
looked at when it is asked and once more under the lock, and only a tag that still has the digest that was seen goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction

from accounts import audit
from accounts.models import User
from builds import live
from builds.actions.fixed_tags import fixed_tags_of
from builds.core.deletion_words import fixed_words, held_words, moved_words, unsupported_words
from builds.core.fixed_tags import FixedTags
from builds.core.tag_words import image_words
from builds.core.tags import is_reserved
from builds.models import TagOrder
from lib.clock import database_now
from lib.crypto import new_secret
from lib.humanize import quoted
from lib.queue import enqueue
from lib.refusal import Refused
from registry.models import Repository, Tag, TagDeletion, TagMove

State = TagDeletion.State
OPEN = (State.ASKED, State.DOING)
MOST_AT_ONCE = 500


@dataclass(slots=True)
class Asked:
    """What came of asking for several: deletions, and a sentence for each tag that stays."""

    deletions: list[TagDeletion] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def new_mark() -> str:
    return new_secret(16)[:32]


def why_not(repository: Repository, tag: Tag, fixed: FixedTags) -> str:
    """Why nobody may delete the tag, as a sentence; "" where one may."""
    if tag.held_since is not None:
        return held_words(tag.name, tag.held_by)
    if not is_reserved(tag.name) and (pattern := fixed.pattern_of(tag.name)):
        return fixed_words(tag.name, pattern)
    if repository.registry.facts.deletes == "own API":
        return unsupported_words(tag.name, repository.registry.host)
    return ""


def ask_deletion(actor: User, repository: Repository, name: str, *, seen: str | None = None) -> TagDeletion:
    """Have one tag deleted. `seen` is the digest that it had when the person looked. Raises Refused."""
    if not Tag.objects.filter(repository=repository, name=name).exists():
        raise Refused(f"{repository.path} has no tag {quoted(name)}.", code="not_found")
    asked = ask_deletions(actor, repository, {name: seen})
    if name in asked.refused:
        raise Refused(asked.refused[name], code="conflict")
    return asked.deletions[0]


def ask_deletions(actor: User, repository: Repository, wanted: Mapping[str, str | None]) -> Asked:
    """Have tags deleted, each with the digest that was seen (None: whatever it has). Needs namespace and registry.

    Those that may not go are told, and the others are asked for. Asking again gives the deletion that is open.
    """
    if len(wanted) > MOST_AT_ONCE:
        raise Refused(f"These are {len(wanted):,} tags; {MOST_AT_ONCE} go at once. A policy takes more.")
    rows = {tag.name: tag for tag in Tag.objects.filter(repository=repository, name__in=list(wanted))}
    fixed, asked = fixed_tags_of(repository.pk), Asked()
    moving = set(TagOrder.objects.filter(repository=repository, state__in=OPEN).values_list("tag", flat=True))
    for name, seen in wanted.items():
        tag = rows.get(name)
        sentence = _refusal(repository, name, tag, seen, fixed, is_moving=name in moving)
        if tag is None or sentence:
            asked.refused[name] = sentence
        else:
            asked.deletions.append(_ask(actor, repository, tag))
    if asked.deletions:
        ring()
        wake_after(repository.pk)
    return asked


def _refusal(
    repository: Repository, name: str, tag: Tag | None, seen: str | None, fixed: FixedTags, *, is_moving: bool
) -> str:
    if tag is None:
        return f"{quoted(name)} is not there any more."
    if seen is not None and seen != tag.digest:
        return moved_words(name, image_words(tag.build_number, tag.digest))
    if is_moving:
        return f"{quoted(name)} is not deleted: somebody is moving it at this moment. Wait until it is done."
    return why_not(repository, tag, fixed)


def _ask(actor: User, repository: Repository, tag: Tag) -> TagDeletion:
    try:
        with transaction.atomic():
            deletion = TagDeletion.objects.create(
                repository=repository,
                tag=tag.name,
                digest=tag.digest,
                build_number=tag.build_number,
                kind=TagMove.Kind.DELETE,
                by=actor.username,
                mark=new_mark(),
                not_before=database_now(),
            )
            at = image_words(tag.build_number, tag.digest)
            audit.record(actor, "tag.delete", repository, f"{tag.name}: {at}")
    except IntegrityError:
        found = TagDeletion.objects.filter(repository=repository, tag=tag.name, state__in=OPEN).first()
        if found is None:  # it ended between the two looks
            raise Refused(f"{quoted(tag.name)} was deleted at this moment.", code="conflict") from None
        return found
    return deletion


def ring() -> None:
    """Have a worker look at what was asked for."""
    enqueue("builds.delete_tags", expires_s=60)


def wake_after(repository_id: int) -> None:
    """Pages of the repository look anew once the transaction is through."""
    transaction.on_commit(lambda: live.wake(f"repository:{repository_id}"))
