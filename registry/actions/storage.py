"""What images take up, written down: asked for, measured by one worker at a time, with a point a day for a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import Namespace
from lib.clock import database_now
from lib.queue import enqueue
from registry.actions.registries import default_registry
from registry.core.usage import Measured
from registry.models import CollectionRun, Registry, Repository, StoragePoint, StorageSurvey, StorageUse, Tag

EVERY = timedelta(hours=1)
# After a push, so that quotas go by what is there; and after a look that failed.
SOON = timedelta(minutes=5)
LEASE = timedelta(minutes=5)
KEPT_DAYS = 400
KEPT_DAYS_OF_REPOSITORIES = 100
BATCH = 500
_TIMES = 20
_COLUMNS = ("total_bytes", "unique_bytes", "shared_bytes", "reclaimable_bytes", "images", "tags", "is_estimate")


@dataclass(slots=True)
class Measures:
    """One measuring: by the ids of repositories, namespaces and registries."""

    repositories: dict[int, Measured] = field(default_factory=dict)
    namespaces: dict[int, Measured] = field(default_factory=dict)
    registries: dict[int, Measured] = field(default_factory=dict)


def measure_soon() -> None:
    """Have it measured within seconds: a collection ended, or a person asks."""
    with transaction.atomic():
        row = _survey()
        StorageSurvey.objects.filter(pk=row.pk).update(asked_at=database_now())
        enqueue("registry.measure_storage", expires_s=60)


def ring_for_measure(now: datetime) -> None:
    """From beat: every hour, and a few minutes after a push or a clean-up."""
    row = _survey()
    if row.lease_until is not None and row.lease_until > now:
        return
    last = row.measured_at
    is_due = last is None or last < now - EVERY or (row.asked_at is not None and row.asked_at > last)
    # A storage in which a look takes long is not looked at all the time.
    soon = max(SOON, timedelta(seconds=_TIMES * (row.took_s or 0)))
    if not is_due and last is not None and last < now - soon:
        is_due = _has_changed(last)
    if is_due:
        enqueue("registry.measure_storage", expires_s=9)


def _has_changed(since: datetime) -> bool:
    cleaned = CollectionRun.objects.filter(is_dry=False, state=CollectionRun.State.DONE, ended_at__gt=since)
    return Tag.objects.filter(pushed_at__gt=since).exists() or cleaned.exists()


def take_measure(worker: str) -> StorageSurvey | None:
    """The right to measure, for one worker; None where another has it."""
    row, now = _survey(), database_now()
    free = StorageSurvey.objects.filter(pk=row.pk).filter(Q(lease_until=None) | Q(lease_until__lt=now))
    if not free.update(worker=worker, lease_until=now + LEASE):
        return None
    row.refresh_from_db()
    return row


def keep_measure(survey: StorageSurvey) -> bool:
    """It goes on; False where somebody else took it."""
    return bool(_mine(survey).update(lease_until=database_now() + LEASE))


def fail_measure(survey: StorageSurvey, sentence: str) -> None:
    """It could not be measured; pages say why beside what was measured last, and it is tried again in an hour."""
    _mine(survey).update(lease_until=None, sentence=sentence[:300], measured_at=database_now(), asked_at=None)


def record_measures(survey: StorageSurvey, measures: Measures, *, took_s: float) -> bool:
    """Write all of it down. False where the lease was lost: then nothing is."""
    now, today = timezone.now(), timezone.now().date()
    with transaction.atomic():
        ended = {"lease_until": None, "measured_at": database_now(), "took_s": took_s, "sentence": "", "asked_at": None}
        if not _mine(survey).update(**ended):
            return False
        _write("registry_id", measures.registries, Registry.objects.all(), now, today)
        _write("namespace_id", measures.namespaces, Namespace.objects.all(), now, today)
        _write("repository_id", measures.repositories, Repository.objects.all(), now, today)
        StoragePoint.objects.filter(day__lt=today - timedelta(days=KEPT_DAYS)).delete()
        old = StoragePoint.objects.filter(day__lt=today - timedelta(days=KEPT_DAYS_OF_REPOSITORIES))
        old.exclude(use__repository=None).delete()
    return True


def _write(key: str, found: Mapping[int, Measured], rows: Any, now: datetime, today: date) -> None:
    """Rows of what is there; those that hold nothing any more get zeros. A point where the size is another."""
    there = set(rows.values_list("pk", flat=True))
    known = {getattr(use, key): use for use in StorageUse.objects.filter(**{f"{key}__isnull": False})}
    changed, points = [], []
    for pk in there:
        measured, use = found.get(pk), known.get(pk)
        if measured is None and use is None:
            continue
        values = _values(measured or Measured())
        is_other = use is None or use.total_bytes != values["total_bytes"]
        use = use or StorageUse(**{key: pk})
        for name, value in values.items():
            setattr(use, name, value)
        use.measured_at = now
        changed.append(use)
        if is_other:
            points.append(use)
    StorageUse.objects.bulk_create([use for use in changed if use.pk is None], batch_size=BATCH)
    StorageUse.objects.bulk_update(
        [use for use in changed if use.pk in {row.pk for row in known.values()}],
        [*_COLUMNS, "measured_at"],
        batch_size=BATCH,
    )
    StoragePoint.objects.bulk_create(
        [StoragePoint(use=use, day=today, total_bytes=use.total_bytes) for use in points],
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["use", "day"],
        update_fields=["total_bytes"],
    )


def _values(measured: Measured) -> dict[str, Any]:
    return {name: getattr(measured, name) for name in _COLUMNS}


def known_tags(registries: list[int]) -> Iterator[tuple[int, str, int | None]]:
    """(repository, digest, size) of every tag in these registries, one repository after the other."""
    rows = Tag.objects.filter(repository__registry__in=registries).order_by("repository_id")
    yield from rows.values_list("repository_id", "digest", "size_bytes").iterator(chunk_size=5000)


def _survey() -> StorageSurvey:
    """One row is the lease of all of it: that of the registry that images go to."""
    return StorageSurvey.objects.get_or_create(registry=default_registry())[0]


def _mine(survey: StorageSurvey) -> Any:
    return StorageSurvey.objects.filter(pk=survey.pk, worker=survey.worker).exclude(lease_until=None)
