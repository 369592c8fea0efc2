"""What the sample's images take up, its disks, its build caches, a quota that is nearly full and one that is."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from builds.core.build_cache import CacheRecord, summarize
from builds.core.disk import Disk, Holds, disk_fault
from builds.models import CachePolicy, CachePrune, Worker
from registry.actions import default_registry
from registry.models import Quota, Repository, StoragePoint, StorageSurvey, StorageUse

GB = 10**9
DAY = 86400
_STEPS = ("RUN apt-get update && apt-get install -y build-essential", "RUN make -j4 all", "COPY . .", "RUN npm ci")


def add_storage() -> None:
    """After everything else: it looks at which repositories and workers there are."""
    now = timezone.now()
    measured = {"measured_at": now - timedelta(minutes=12), "is_estimate": False}
    StorageSurvey.objects.update_or_create(
        registry=default_registry(), defaults={"measured_at": measured["measured_at"], "took_s": 1.2}
    )
    sums: dict[int, int] = {}
    repositories = list(Repository.objects.filter(tags__isnull=False).distinct().order_by("pk"))
    for place, repository in enumerate(repositories):
        size = round(6.4 * GB / (place + 1) ** 1.3)
        shared = size // 3
        sums[repository.namespace_id] = sums.get(repository.namespace_id, 0) + size - shared // 2
        use = StorageUse.objects.create(
            repository=repository,
            total_bytes=size,
            unique_bytes=size - shared,
            shared_bytes=shared,
            reclaimable_bytes=size // 9 if place % 2 == 0 else 0,
            images=14,
            tags=23,
            **measured,
        )
        _grow(use, size, 60)
    for namespace_id, size in sums.items():
        use = StorageUse.objects.create(
            namespace_id=namespace_id, total_bytes=size, unique_bytes=size, images=30, tags=61, **measured
        )
        _grow(use, size, 100)
    whole = StorageUse.objects.create(
        registry=default_registry(),
        total_bytes=sum(sums.values()),
        unique_bytes=sum(sums.values()),
        reclaimable_bytes=GB,
        images=84,
        tags=160,
        **measured,
    )
    _grow(whole, whole.total_bytes, 100)
    Quota.objects.create(namespace_id=next(iter(sums)), limit_bytes=round(next(iter(sums.values())) / 0.87))
    _hosts()


def _grow(use: StorageUse, size: int, days: int) -> None:
    today = timezone.now().date()
    rows = [
        StoragePoint(
            use=use, day=today - timedelta(days=days - day), total_bytes=round(size * (0.4 + 0.6 * day / days))
        )
        for day in range(0, days + 1, 4)
    ]
    StoragePoint.objects.bulk_create(rows)


def _hosts() -> None:
    for place, worker in enumerate(Worker.objects.order_by("name")):
        low = place == 1
        disks = [
            Disk((Holds.WORK, Holds.DATA), 41 * GB, 120 * GB, GB),
            Disk((Holds.ENGINE,), round(0.7 * GB) if low else 96 * GB, 250 * GB, GB),
        ]
        kinds = ("regular", "exec.cachemount", "source.local", "regular")
        records = [
            CacheRecord(
                f"r{n}", round(4.1 * GB / (n + 1)), kinds[n % 4], _STEPS[n % 4], n != 0, n == 2, float(n * n * DAY)
            )
            for n in range(9)
        ]
        Worker.objects.filter(pk=worker.pk).update(
            disks=[disk.as_json() for disk in disks],
            low_disks=[disks[1].name] if low else [],
            disk_fault=disk_fault(worker.host, disks[1:]) if low else "",
            cache=summarize("default", records).as_json(),
        )
    CachePolicy.objects.create(host="builder-1", keep_bytes=20 * GB, unused_days=30, set_by="admin")
    ended = {"state": "done", "builder": "default"}
    now = timezone.now()
    CachePrune.objects.create(
        host="builder-1",
        cause="policy",
        freed_bytes=round(2.4 * GB),
        ended_at=now - timedelta(hours=3),
        sentence="2.4 GB of build cache of the builder default went. Kept: at most 20.0 GB.",
        **ended,
    )
    CachePrune.objects.create(
        host="builder-2",
        cause="disk",
        freed_bytes=0,
        ended_at=now - timedelta(minutes=9),
        sentence="Its build cache is shared with others and was left alone.",
        **ended,
    )
