"""What of the own registry's storage must stay, said by those who know: policies, tags, their history, rooms above."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from django.conf import settings
from django.db.models import Max
from django.utils.module_loading import import_string

from lib.clock import database_now
from registry.actions.own import own_repositories
from registry.models import Repository, RetentionPolicy, Tag, TagMove
from registry.storage.judge import DAY_S, Wish
from registry.storage.layout import Key, key_of


@dataclass(frozen=True, slots=True)
class Needs:
    """What a room above needs of a repository: images by digest, and whether it is putting something there now."""

    digests: Iterable[str] = ()
    is_busy: bool = False


NeedsOf = Callable[[int], Needs]
"""By a repository's id. Named in settings.COLLECT_KEEPERS: this room knows nobody above it."""


def wish_of(path: str) -> Wish | None:
    """What Imageyard wants of the repository that its own registry knows as `path`; None where nobody here knows it."""
    known = own_repositories([path]).get(path)
    repository = Repository.objects.filter(pk=known).first() if known is not None else None
    if repository is None:
        return None
    needs = [keeper(repository.pk) for keeper in _keepers(tuple(settings.COLLECT_KEEPERS))]
    days = untagged_days(repository)
    now = database_now()
    locked = repository.publish_lock_until is not None and repository.publish_lock_until > now
    return Wish(
        untagged_s=None if days is None else days * DAY_S,
        untagged_at={} if days is None else _untagged_at(repository, days),
        needed=frozenset(_keys(_tagged(repository), *(each.digests for each in needs))),
        is_busy=locked or any(each.is_busy for each in needs),
    )


def untagged_days(repository: Repository) -> int | None:
    """After how many days an image without a tag goes; None: it stays.

    A policy counts when it runs by itself and somebody has seen what it takes, as for the tags themselves.
    """
    policy = RetentionPolicy.objects.in_force(repository)
    if policy is None or not policy.is_on or policy.seen_revision < policy.revision:
        return None
    return policy.untagged_days


def _untagged_at(repository: Repository, days: int) -> dict[Key, float]:
    """Since when images have no tag, as far as it matters: the last time that a tag left each."""
    since = database_now() - timedelta(days=days)
    left = TagMove.objects.filter(repository=repository, moved=True, at__gte=since).exclude(from_digest="")
    rows = left.order_by().values_list("from_digest").annotate(Max("at"))
    return {key: at.timestamp() for digest, at in rows if (key := key_of(digest)) is not None}


def _tagged(repository: Repository) -> Iterable[str]:
    """Also what only our rows call a tag's: one that the registry lost can be put again."""
    return Tag.objects.filter(repository=repository).order_by().values_list("digest", flat=True).distinct()


def _keys(*digests: Iterable[str]) -> Iterable[Key]:
    return (key for each in digests for digest in each if (key := key_of(digest)) is not None)


@lru_cache(maxsize=4)
def _keepers(names: tuple[str, ...]) -> tuple[NeedsOf, ...]:
    return tuple(import_string(name) for name in names)
