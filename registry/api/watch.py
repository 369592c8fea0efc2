"""The API's look at how well Imageyard knows what registries have: notifications and comparisons. For superusers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema, Status

from accounts.views.lookup import person
from registry.actions.comparisons import compare_all
from registry.models import Registry, RegistryWatch

router = Router(tags=["registries"])


class WatchOut(Schema):
    id: int = Field(description="Of the registry.")
    host: str
    is_own: bool = Field(description="Whether it tells of pushes and pulls.")
    heard_at: datetime | None = Field(description="When its last notification came.")
    compared_at: datetime | None = Field(description="When its tags were last compared with those that are known.")
    is_by_disk: bool
    tags: int
    mended: int
    failed: int = Field(description="Repositories that could not be compared.")
    unknown: list[str] = Field(description="Repositories that only the registry knows; at most 200 of them.")
    unknown_total: int
    sentence: str


class WatchesOut(Schema):
    items: list[WatchOut]


class CompareIn(Schema):
    may_empty: bool = Field(
        default=False, description="Believe it where the registry has none of the tags of a repository any more."
    )


@router.get("/registries/watch", response=WatchesOut, summary="Read how registries are watched")
def watches(request: HttpRequest) -> Any:
    """For each registry the last notification, and what the last comparison found."""
    _only_superusers(request)
    rows = {row.registry_id: row for row in RegistryWatch.objects.all()}
    registries = Registry.objects.order_by("pk")
    return {"items": [_out(registry, rows.get(registry.pk) or RegistryWatch()) for registry in registries]}


@router.post("/registries/{registry_id}/compare", response={202: WatchOut}, summary="Compare tags with a registry")
def compare(request: HttpRequest, registry_id: int, body: CompareIn) -> Any:
    """A worker holds every tag that is known against the registry, and mends what differs."""
    _only_superusers(request)
    registry = Registry.objects.filter(pk=registry_id).first()
    if registry is None:
        raise Http404("There is no such registry.")
    compare_all(registry, person(request), may_empty=body.may_empty)
    return Status(202, _out(registry, RegistryWatch.objects.filter(registry=registry).first() or RegistryWatch()))


def _only_superusers(request: HttpRequest) -> None:
    if not person(request).is_superuser:
        raise Http404("There is no such call, or only superusers may make it.")


def _out(registry: Registry, row: RegistryWatch) -> dict[str, Any]:
    names = (
        "heard_at",
        "compared_at",
        "is_by_disk",
        "tags",
        "mended",
        "failed",
        "unknown",
        "unknown_total",
        "sentence",
    )
    told = {name: getattr(row, name) for name in names}
    return {"id": registry.pk, "host": registry.host, "is_own": registry.is_own, **told}
