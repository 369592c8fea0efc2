"""The API's clean-up of the registry's storage: the runs, what each found, and starting one. For superusers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema, Status

from accounts.views.lookup import person
from lib.paging import USUAL, page
from registry.actions.collections import ask_collection
from registry.models import CollectionRun

router = Router(tags=["storage"])


class CollectionOut(Schema):
    id: int
    dry_run: bool = Field(description="A look only: `gone_…` and `freed_bytes` are then what would be.")
    by: str = Field(description="Who asked for it; empty where it ran by itself.")
    state: str = Field(description="asked, running, done or failed.")
    step: str
    sentence: str = Field(description="What came of it, or why it failed.")
    repositories: int
    images: int
    blobs: int
    gone_images: int = Field(description="Images that no tag led to.")
    gone_blobs: int = Field(description="Stored files that nothing needed any more.")
    put_back: int = Field(description="What a second look found to be needed after all.")
    freed_bytes: int = Field(description="As the disk counts.")
    asked_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class CollectionPage(Schema):
    items: list[CollectionOut]
    next: str | None


class GoingOut(Schema):
    repository: str
    images: int
    layers: int = Field(description="That the repository has no use for any more; others may have it still.")
    freed_bytes: int = Field(description="0 where the run was no dry run.")


class CollectionWhole(CollectionOut):
    going: list[GoingOut] = Field(description="By repository; at most 500 of them.")
    removed: list[str]
    unknown: list[str] = Field(description="Repositories that only the registry knows; at most 500 of them.")
    unknown_count: int
    doubtful: list[str] = Field(description="Repositories that were left alone, and why.")
    doubtful_count: int


class CollectionIn(Schema):
    dry_run: bool = Field(default=False, description="Look what would go, and delete nothing.")
    remove: list[str] = Field(
        default_factory=list,
        max_length=100,
        description="Repositories out of `unknown` of the last run: all their tags and images go first.",
    )


@router.get("/storage/collections", response=CollectionPage, summary="List clean-ups of the storage")
def collections(request: HttpRequest, cursor: str = "", limit: int = USUAL) -> Any:
    """The newest first."""
    _only_superusers(request)
    return page(CollectionRun.objects.all(), key="-pk", cursor=cursor, limit=limit, show=_out)


@router.post("/storage/collections", response={202: CollectionOut}, summary="Clean up the storage")
def start(request: HttpRequest, body: CollectionIn) -> Any:
    """A process that reaches the registry's folder does it; asking for what is under way gives that. 409 otherwise."""
    _only_superusers(request)
    return Status(202, _out(ask_collection(person(request), is_dry=body.dry_run, removes=body.remove)))


@router.get("/storage/collections/{int:run_id}", response=CollectionWhole, summary="Read a clean-up of the storage")
def collection(request: HttpRequest, run_id: int) -> Any:
    """With what goes or went by repository, what nobody knows, and what was left alone."""
    _only_superusers(request)
    run = CollectionRun.objects.filter(pk=min(run_id, 2**62)).first()
    if run is None:
        raise Http404(f"There is no clean-up {run_id}; the last 200 are kept.")
    lists = {name: run.found.get(name, []) for name in ("removed", "unknown", "doubtful")}
    counts = {name: run.found.get(name, 0) for name in ("unknown_count", "doubtful_count")}
    names = ("repository", "images", "layers", "freed_bytes")
    going = [dict(zip(names, line, strict=True)) for line in run.found.get("repositories", [])]
    return {**_out(run), **lists, **counts, "going": going}


def _only_superusers(request: HttpRequest) -> None:
    if not person(request).is_superuser:
        raise Http404("There is no such call, or only superusers may make it.")


def _out(run: CollectionRun) -> dict[str, Any]:
    names = ("id", "by", "state", "step", "sentence", "repositories", "images", "blobs", "gone_images", "gone_blobs")
    more = ("put_back", "freed_bytes", "asked_at", "started_at", "ended_at")
    return {**{name: getattr(run, name) for name in (*names, *more)}, "dry_run": run.is_dry}
