"""The API's storage: what images take up, quotas, disks of hosts. Build caches are in `storage_caches`."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema

from accounts.views.lookup import find_namespace
from builds.core.disk import read_disks
from builds.models import Worker
from builds.views.lookup import access_to, find_repository, person
from builds.views.storage import disk_rows, must_be_superuser, points_of
from registry.actions import quotas
from registry.core.quota import QuotaUse
from registry.models import StorageSurvey, StorageUse

router = Router(tags=["storage"])
R, N = "/repositories/{namespace}/{name}", "/namespaces/{namespace}"


class DiskOut(Schema):
    """A filesystem that builds fill. Below `limit_bytes` no build starts; `low` until a quarter more is free."""

    host: str
    holds: list[str] = Field(description="work trees, Docker Engine, registry, database and logs.")
    free_bytes: int
    total_bytes: int
    limit_bytes: int
    low: bool
    sentence: str


class PointOut(Schema):
    day: date
    bytes: int


class UseOut(Schema):
    """Each blob counts once; `estimate` where only the sizes of tags are known. Nulls before it was measured."""

    bytes: int | None
    unique_bytes: int | None
    shared_bytes: int | None
    reclaimable_bytes: int | None = Field(description="What a clean-up would free.")
    images: int | None
    tags: int | None
    estimate: bool
    measured_at: datetime | None
    history: list[PointOut] = Field(description="Where it changed, a point a day, for 120 days.")


class QuotaOut(Schema):
    """`level` is none, ok, warn (from 80 %), nearly (from 95 %) or over: then nothing more can be pushed."""

    of: str
    limit_bytes: int | None
    used_bytes: int
    level: str
    sentence: str


class StoredOut(Schema):
    use: UseOut
    quotas: list[QuotaOut] = Field(description="Its own and, of a repository, that of its namespace; for members.")


class RegistryUseOut(Schema):
    registry: str
    use: UseOut


class StorageOut(Schema):
    measured_at: datetime | None
    sentence: str = Field(description="Why it could not be measured; empty when it was.")
    disks: list[DiskOut]
    registries: list[RegistryUseOut]


class QuotaIn(Schema):
    limit_bytes: int | None = Field(description="Null is no limit.")


@router.get("/storage", response=StorageOut, summary="Read how full disks and registries are")
def whole(request: HttpRequest) -> Any:
    """Administrators only: disks of all hosts, and what each registry's images take up."""
    must_be_superuser(request)
    survey = StorageSurvey.objects.exclude(measured_at=None).order_by("-measured_at").first()
    uses = StorageUse.objects.filter(registry__isnull=False).select_related("registry").order_by("-total_bytes")
    return {
        "measured_at": survey.measured_at if survey else None,
        "sentence": survey.sentence if survey else "Nothing was measured yet.",
        "disks": disks_out(),
        "registries": [{"registry": str(use.registry), "use": use_out(use)} for use in uses],
    }


def disks_out() -> list[dict[str, Any]]:
    """As the page lists them."""
    return [
        {**row.disk.as_json(), "host": row.host, "low": row.tone == "bad", "sentence": row.says}
        for row in disk_rows([], date.today())  # noqa: DTZ011 — no pace is asked for
    ]


def disks_of(worker: Worker) -> list[dict[str, Any]]:
    """Those of one worker."""
    return [
        {**disk.as_json(), "host": worker.host, "low": disk.name in worker.low_disks, "sentence": ""}
        for disk in read_disks(worker.disks)
    ]


@router.get(f"{N}/storage", response=StoredOut, summary="Read what a namespace takes up")
def of_namespace(request: HttpRequest, namespace: str) -> Any:
    """For its members: less than the sum of its repositories where they share layers."""
    space = find_namespace(request, namespace)
    use = StorageUse.objects.filter(namespace=space).first()
    return {"use": use_out(use), "quotas": [quota_out(quotas.quota_of_namespace(space))]}


@router.put(f"{N}/quota", response=QuotaOut, summary="Set the quota of a namespace")
def set_of_namespace(request: HttpRequest, namespace: str, body: QuotaIn) -> Any:
    """Administrators of Imageyard only. Nothing is deleted; where it is used up nothing more can be pushed."""
    space = find_namespace(request, namespace)
    quotas.set_namespace_quota(person(request), space, body.limit_bytes)
    return quota_out(quotas.quota_of_namespace(space))


@router.get(f"{R}/storage", response=StoredOut, summary="Read what a repository takes up")
def of_repository(request: HttpRequest, namespace: str, name: str) -> Any:
    """Who may see the repository sees its size; quotas are for members of the namespace."""
    repository = find_repository(request, namespace, name)
    use = StorageUse.objects.filter(repository=repository).first()
    held = quotas.quotas_of(repository) if access_to(request, repository).is_member else ()
    return {"use": use_out(use), "quotas": [quota_out(quota) for quota in held]}


@router.put(f"{R}/quota", response=QuotaOut, summary="Set the quota of a repository")
def set_of_repository(request: HttpRequest, namespace: str, name: str, body: QuotaIn) -> Any:
    """Administrators of the namespace; not above the namespace's own."""
    repository = find_repository(request, namespace, name)
    quotas.set_repository_quota(person(request), repository, body.limit_bytes)
    return quota_out(quotas.quotas_of(repository)[0])


def use_out(use: StorageUse | None) -> dict[str, Any]:
    if use is None:
        names = ("bytes", "unique_bytes", "shared_bytes", "reclaimable_bytes", "images", "tags", "measured_at")
        return {**dict.fromkeys(names), "estimate": True, "history": []}
    return {
        "bytes": use.total_bytes,
        "unique_bytes": use.unique_bytes,
        "shared_bytes": use.shared_bytes,
        "reclaimable_bytes": use.reclaimable_bytes,
        "images": use.images,
        "tags": use.tags,
        "estimate": use.is_estimate,
        "measured_at": use.measured_at,
        "history": [{"day": day, "bytes": size} for day, size in points_of(use)],
    }


def quota_out(quota: QuotaUse) -> dict[str, Any]:
    return {
        "of": quota.name,
        "limit_bytes": quota.limit_bytes,
        "used_bytes": quota.used_bytes,
        "level": quota.level,
        "sentence": quota.sentence,
    }
