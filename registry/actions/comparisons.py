"""When the tags of repositories are held against their registry: asked for, taken in turn, and how it went."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Coalesce

from accounts import audit
from accounts.models import User
from lib.clock import database_now
from lib.queue import enqueue
from registry.actions.own import own_registry
from registry.models import Registry, RegistryWatch, Repository, TagComparison

# The own registry tells of what happens, so this finds only what was lost; others tell nothing.
OWN_EVERY = timedelta(minutes=30)
OTHERS_EVERY = timedelta(hours=6)
LEASE = timedelta(minutes=3)
PAUSE = timedelta(minutes=5)
"""After a registry that did not answer."""
AT_START = timedelta(seconds=20)
BREATH = timedelta(seconds=50)
"""After as many requests as one turn may take."""
_MOST_BACKOFF = timedelta(hours=6)
MOST_UNKNOWN = 200


def ring_for_comparisons(now: datetime) -> None:
    """From beat: repositories whose turn it is, and those that are new."""
    _add_missing()
    if TagComparison.objects.filter(due_at__lte=now).exists():
        enqueue("registry.compare_tags", expires_s=60)


def _add_missing() -> None:
    """New repositories have nothing to compare yet: their turn comes with the others'."""
    new = Repository.objects.filter(comparison=None).values_list("pk", flat=True)[:1000]
    rows = [TagComparison(repository_id=pk, due_at=database_now()) for pk in new]
    if rows:
        TagComparison.objects.bulk_create(rows, ignore_conflicts=True)


def compare_soon(repository_id: int) -> None:
    """Have this repository compared next: something may have pushed to it that nobody tells of."""
    with transaction.atomic():
        TagComparison.objects.update_or_create(
            repository_id=repository_id, defaults={"due_at": database_now(), "cursor": ""}
        )
        enqueue("registry.compare_tags", expires_s=60)


def compare_at_start() -> None:
    """From the step before web and worker: the own registry may have forgotten to tell of what happened meanwhile.

    A little later, since it starts at the same time.
    """
    registry = own_registry()
    if registry is not None:
        _add_missing()
        rows = TagComparison.objects.filter(repository__registry=registry)
        rows.update(due_at=database_now() + AT_START, cursor="", failures=0)


def compare_all(registry: Registry, actor: User | None = None, *, may_empty: bool = False) -> None:
    """All repositories of the registry now: a person asks for it, or the registry or Imageyard has just started.

    `may_empty`: the person says that it is right where a repository has no tag left at all.
    """
    with transaction.atomic():
        _add_missing()
        rows = TagComparison.objects.filter(repository__registry=registry)
        rows.update(due_at=database_now(), cursor="", failures=0, may_empty=may_empty)
        RegistryWatch.objects.filter(registry=registry).update(lease_until=None)
        if actor is not None:
            audit.record(actor, "registry.compare", registry, "also where all tags are gone" if may_empty else "")
        enqueue("registry.compare_tags", expires_s=60)


def take_watch() -> RegistryWatch | None:
    """A registry with something due, leased to whoever got it; None where there is none. Its round begins here."""
    now = database_now()
    due = Registry.objects.filter(repositories__comparison__due_at__lte=now).distinct()
    for registry in due.order_by("pk"):
        watch, _ = RegistryWatch.objects.get_or_create(registry=registry)
        free = RegistryWatch.objects.filter(Q(lease_until=None) | Q(lease_until__lte=now), pk=watch.pk)
        if free.update(lease_until=now + LEASE, round_at=Coalesce(F("round_at"), now)):
            watch.refresh_from_db()
            watch.registry = registry
            return watch
    return None


def keep_watch(watch: RegistryWatch) -> bool:
    """Go on; False where the lease was lost, or somebody asked for a fresh start."""
    until = database_now() + LEASE
    held = bool(RegistryWatch.objects.filter(pk=watch.pk, lease_until=watch.lease_until).update(lease_until=until))
    watch.lease_until = until
    return held


def due_of(registry: Registry) -> TagComparison | None:
    """The repository that has waited longest."""
    rows = TagComparison.objects.filter(repository__registry=registry, due_at__lte=database_now())
    rows = rows.select_related("repository__namespace", "repository__registry")
    return rows.order_by("due_at", "pk").first()


def go_on_later(row: TagComparison, cursor: str, *, tags: int, mended: int) -> None:
    """There are more tags than one turn may ask for: the rest is due at once, behind the other repositories."""
    _add(row, tags, mended, cursor=cursor, due_at=database_now())


def end_comparison(row: TagComparison, *, tags: int, mended: int, every: timedelta, sentence: str = "") -> None:
    """All tags were compared; the next time in `every`, or earlier where something has to be said."""
    now = database_now()
    spread = random.uniform(0.9, 1.1)  # noqa: S311 — spreads load
    ended = {"compared_at": now, "cursor": "", "failures": 0, "sentence": sentence, "may_empty": False}
    _add(row, tags, mended, due_at=now + every * spread, **ended)


def _add(row: TagComparison, tags: int, mended: int, **fields: object) -> None:
    """What was asked for meanwhile is not overwritten."""
    before = {"tags": row.tags, "mended": row.mended} if row.cursor else {"tags": 0, "mended": 0}
    rows = TagComparison.objects.filter(pk=row.pk, due_at=row.due_at)
    rows.update(tags=before["tags"] + tags, mended=before["mended"] + mended, **fields)


def fail_comparison(row: TagComparison, sentence: str) -> None:
    """It could not be compared. The next time comes later each time."""
    wait = min(PAUSE * 2 ** min(row.failures, 8), _MOST_BACKOFF)
    rows = TagComparison.objects.filter(pk=row.pk, due_at=row.due_at)
    rows.update(failures=min(row.failures + 1, 1000), sentence=sentence, due_at=database_now() + wait)


def end_turn(
    watch: RegistryWatch,
    *,
    is_by_disk: bool,
    sentence: str = "",
    unknown: Sequence[str] | None = None,
    has_asked_enough: bool = False,
) -> None:
    """Give the registry back. Where nothing is due any more the round is over, and its sums are written down.

    `sentence`: it does not answer, so it is left alone for a while; `has_asked_enough`: for a minute.
    """
    now = database_now()
    mine = RegistryWatch.objects.filter(pk=watch.pk, lease_until=watch.lease_until)
    told: dict[str, object] = {"sentence": sentence, "is_by_disk": is_by_disk}
    if unknown is not None:
        told |= {"unknown": sorted(unknown)[:MOST_UNKNOWN], "unknown_total": len(unknown)}
    if sentence:
        mine.update(lease_until=now + PAUSE, **told)
        return
    rows = TagComparison.objects.filter(repository__registry_id=watch.registry_id)
    if rows.filter(due_at__lte=now).exists():
        mine.update(lease_until=now + BREATH if has_asked_enough else None, **told)
        if not has_asked_enough:
            enqueue("registry.compare_tags", expires_s=60)
        return
    sums = rows.aggregate(
        tags=Coalesce(Sum("tags"), 0),
        mended=Coalesce(Sum("mended", filter=Q(compared_at__gte=watch.round_at)), 0),
        failed=Count("pk", filter=~Q(sentence="")),
    )
    mine.update(lease_until=None, compared_at=now, round_at=None, **told, **sums)


def every(registry: Registry) -> timedelta:
    return OWN_EVERY if registry.is_own else OTHERS_EVERY


def storage_folder(registry: Registry) -> str:
    """Where the registry's links can be read, "" where they cannot."""
    return str(settings.REGISTRY_STORAGE or "") if registry.is_own else ""
