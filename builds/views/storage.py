"""The storage page: disks, what images take up and how that grows, build caches. For administrators of Imageyard."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from builds.core.build_cache import CacheReport, read_report
from builds.core.disk import Disk, Holds, disk_fault, low_disks, read_disks
from builds.models import Worker
from builds.views.lookup import person
from lib.disks import free_bytes
from lib.humanize import format_size, plural
from registry.actions.storage import measure_soon
from registry.core.quota import QuotaUse
from registry.core.usage import Growth, days_until, growth_of
from registry.models import Quota, StoragePoint, StorageSurvey, StorageUse

LARGEST = 10
SPANS = (30, 90)
# Full sooner than that is worth a word.
SOON_DAYS = 365


@dataclass(frozen=True, slots=True)
class DiskRow:
    """A disk of a host. `limit` is where nothing starts any more, in percent of the bar, as `used` is."""

    host: str
    disk: Disk
    used: float
    limit: float
    tone: str
    says: str

    @property
    def text(self) -> str:
        return f"{format_size(self.disk.free_bytes)} free of {format_size(self.disk.total_bytes)}"


@dataclass(frozen=True, slots=True)
class Bar:
    """One namespace or repository among the largest: `width` in percent of the largest of them."""

    use: StorageUse
    name: str
    url: str
    width: float
    shared: float
    quota: QuotaUse


@login_required
@require_safe
def storage(request: HttpRequest) -> HttpResponse:
    """The page; `?days=90` looks further back."""
    must_be_superuser(request)
    days = 90 if request.GET.get("days") == "90" else 30
    uses = list(StorageUse.objects.filter(registry__isnull=False).select_related("registry").order_by("-total_bytes"))
    today = timezone.now().date()
    points = {use.pk: points_of(use) for use in uses[:3]}
    disks = disk_rows(_pace(uses, points), today)
    context = {
        "disks": disks,
        "low": [row for row in disks if row.tone == "bad"],
        "registries": [(use, growth_of(points.get(use.pk, []), days=days, today=today)) for use in uses],
        "days": days,
        "spans": SPANS,
        "namespaces": largest_namespaces(),
        "repositories": largest_repositories(StorageUse.objects.all()),
        "caches": caches(),
        "survey": StorageSurvey.objects.exclude(measured_at=None).order_by("-measured_at").first(),
        "min_free": settings.MIN_FREE_BYTES,
        "summary": _summary(uses),
    }
    return render(request, "builds/storage.html", context)


@login_required
@require_POST
def measure(request: HttpRequest) -> HttpResponse:
    """Have everything measured now."""
    must_be_superuser(request)
    measure_soon()
    messages.success(request, "It is measured now; with many images that takes a minute.")
    return redirect("storage")


def must_be_superuser(request: HttpRequest) -> None:
    """Raises PermissionDenied."""
    if not person(request).is_superuser:
        raise PermissionDenied("Only administrators of Imageyard see its disks. Ask one of them.")


def disk_rows(pace: list[tuple[date, int]], today: date) -> list[DiskRow]:
    """Those of web, measured now, and of every worker that reports; of workers of one host those of the newest."""
    rows: list[DiskRow] = []
    here = socket.gethostname()
    try:
        free, total = free_bytes(settings.HOME)
    except OSError:
        own: list[Disk] = []
    else:
        own = [Disk((Holds.DATA,), free, total, settings.MIN_FREE_BYTES)]
    workers = {worker.host: worker for worker in Worker.objects.alive().order_by("seen_at")}
    if here not in workers:
        rows += [_row(f"{here} (web)", disk, bool(low_disks([disk])), [], today) for disk in own]
    for host, worker in sorted(workers.items()):
        for disk in read_disks(worker.disks):
            known = pace if Holds.REGISTRY in disk.holds else []
            rows.append(_row(host, disk, disk.name in worker.low_disks, known, today))
    return rows


def _row(host: str, disk: Disk, is_low: bool, pace: list[tuple[date, int]], today: date) -> DiskRow:
    total = max(disk.total_bytes, 1)
    used = 100 * (1 - disk.free_bytes / total)
    near = disk.free_bytes < max(disk.limit_bytes * 2, total // 20)
    says = disk_fault(host, [disk]) if is_low else ""
    left = days_until(max(0, disk.free_bytes - disk.limit_bytes), pace, today)
    if not says and left is not None and left < SOON_DAYS:
        says = f"As images grew lately, the limit is reached in about {plural(left, 'day')}."
    tone = "bad" if is_low else "warn" if near else "ok"
    limit = 100 * (1 - min(1.0, disk.limit_bytes / total))
    return DiskRow(host, disk, round(used, 1), round(limit, 1), tone, says)


def points_of(use: StorageUse) -> list[tuple[date, int]]:
    """By day, from the oldest on."""
    since = timezone.now().date() - timedelta(days=max(SPANS) + 30)
    rows = StoragePoint.objects.filter(use=use, day__gte=since).order_by("day")
    return list(rows.values_list("day", "total_bytes"))


def _pace(uses: list[StorageUse], points: dict[int, list[tuple[date, int]]]) -> list[tuple[date, int]]:
    own = next((use for use in uses if use.registry is not None and use.registry.is_own), None)
    since = timezone.now().date() - timedelta(days=min(SPANS))
    return [point for point in points.get(own.pk, []) if point[0] >= since] if own else []


def largest_namespaces() -> list[Bar]:
    """The largest, with their quotas."""
    rows = StorageUse.objects.filter(namespace__isnull=False, total_bytes__gt=0).select_related("namespace__quota")
    found = list(rows.order_by("-total_bytes", "pk")[:LARGEST])
    return [_bar(use, found) for use in found]


def largest_repositories(rows: Any, most: int = LARGEST) -> list[Bar]:
    """The same of repositories."""
    rows = rows.filter(repository__isnull=False, total_bytes__gt=0).select_related(
        "repository__namespace", "repository__quota"
    )
    found = list(rows.defer("repository__readme").order_by("-total_bytes", "pk")[:most])
    return [_bar(use, found) for use in found]


def _bar(use: StorageUse, among: list[StorageUse]) -> Bar:
    most = max((each.total_bytes for each in among), default=0) or 1
    thing = use.namespace or use.repository
    assert thing is not None
    quota: Quota | None = getattr(thing, "quota", None)
    name = str(thing)
    return Bar(
        use,
        name,
        "" if use.namespace else use.repository.get_absolute_url(),  # type: ignore[union-attr]  # one of the two is set
        round(100 * use.total_bytes / most, 1),
        round(100 * use.shared_bytes / most, 1),
        QuotaUse(name, use.total_bytes, quota.limit_bytes if quota else None),
    )


def caches() -> list[tuple[Worker, CacheReport]]:
    """The build cache of each host, as one of its workers asked last."""
    hosts = {worker.host: worker for worker in Worker.objects.alive().order_by("seen_at")}
    found = [(worker, read_report(worker.cache)) for _, worker in sorted(hosts.items())]
    return [(worker, report) for worker, report in found if report is not None]


def _summary(uses: list[StorageUse]) -> str:
    if not uses:
        return "Nothing was measured yet; beat asks for it every hour."
    total, back = sum(use.total_bytes for use in uses), sum(use.reclaimable_bytes for use in uses)
    tags = sum(use.tags for use in uses)
    freed = f" A clean-up would free {format_size(back)}." if back else ""
    about = "about " if any(use.is_estimate for use in uses) else ""
    return f"Images take up {about}{format_size(total)} under {plural(tags, 'tag')}.{freed}"


def growth_for(use: StorageUse | None, days: int) -> Growth | None:
    """How it grew; None before it was measured."""
    return growth_of(points_of(use), days=days, today=timezone.now().date()) if use else None
