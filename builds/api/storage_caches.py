"""The API's build caches: what is in them, the policy of each host, and prunings. Administrators only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from builds.actions import cache_prunes
from builds.core.build_cache import CacheLimits
from builds.models import CachePrune
from builds.views.lookup import person
from builds.views.storage import caches, must_be_superuser
from lib.paging import USUAL, page

router = Router(tags=["storage"])


class LimitsIn(Schema):
    """Nulls: no bound. A pruning without either takes all that no build uses."""

    keep_bytes: int | None = Field(None, description="At most so much is kept, the lately used first.")
    unused_days: int | None = Field(None, description="What was not used for so long goes.")


class CacheOut(Schema):
    """`may_prune`: the policy is carried out; without somebody's word a cache that others use too is left alone."""

    host: str
    builder: str
    fault: str = Field(description="Why the builder could not be asked; empty when it was.")
    total_bytes: int
    reclaimable_bytes: int
    shared_bytes: int = Field(description="Part of images in the engine: no pruning of the cache takes it.")
    records: int
    types: dict[str, int]
    ages: dict[str, int]
    biggest: list[dict[str, Any]]
    keep_bytes: int | None
    unused_days: int | None
    may_prune: bool


class CachesOut(Schema):
    items: list[CacheOut]


class PruneOut(Schema):
    """`state` is asked, running, done or failed; `cause` is person, policy or disk."""

    id: int
    host: str
    builder: str
    cause: str
    state: str
    asked_by: str
    asked_at: datetime
    ended_at: datetime | None
    freed_bytes: int | None
    sentence: str


class PrunesOut(Schema):
    items: list[PruneOut]
    next: str | None


@router.get("/storage/caches", response=CachesOut, summary="List build caches")
def listing(request: HttpRequest) -> Any:
    """That of each host's builder, as it was asked within the last minutes, with the policy that holds."""
    must_be_superuser(request)
    found = caches()
    held = cache_prunes.policies_of([worker.host for worker, _ in found])
    return {
        "items": [
            {
                **report.as_json(),
                "host": worker.host,
                "keep_bytes": held[worker.host].limits.keep_bytes,
                "unused_days": held[worker.host].limits.unused_days,
                "may_prune": held[worker.host].may_prune,
            }
            for worker, report in found
        ]
    }


@router.put("/storage/caches/policy", response={204: None}, summary="Set how much of a build cache is kept")
def set_policy(request: HttpRequest, body: LimitsIn, host: str = "") -> Any:
    """Of the host `host`, or of every host without its own. It is the word that its cache may be pruned."""
    cache_prunes.set_policy(person(request), host, CacheLimits(body.keep_bytes, body.unused_days))
    return Status(204, None)


@router.delete("/storage/caches/policy", response={204: None}, summary="Take a policy back")
def take_back(request: HttpRequest, host: str = "") -> Any:
    """What the environment says holds again. Also where there was none."""
    cache_prunes.set_policy(person(request), host, None)
    return Status(204, None)


@router.post("/storage/caches/prunes", response={202: PruneOut}, summary="Prune a build cache now")
def prune(request: HttpRequest, body: LimitsIn, host: str) -> Any:
    """A worker of the host does it within seconds. 409 while one is under way, 404 where no worker reports."""
    return Status(202, cache_prunes.ask_prune(person(request), host, CacheLimits(body.keep_bytes, body.unused_days)))


@router.get("/storage/caches/prunes", response=PrunesOut, summary="List prunings")
def prunes(request: HttpRequest, cursor: str = "", limit: int = USUAL) -> Any:
    """Newest first, of the last 90 days."""
    must_be_superuser(request)
    return page(CachePrune.objects.all(), key="-pk", cursor=cursor, limit=limit, show=lambda row: row)
