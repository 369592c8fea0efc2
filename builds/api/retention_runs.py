"""The API's runs of the clean-up: asked for, followed, and read as reports."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema, Status

from accounts.models import Role
from builds.actions.retention_runs import ask_run
from builds.api.schemas import Page
from builds.api.tag_deletions import DeletionOut, deletion_out
from builds.views.lookup import find_repository, person
from lib.paging import USUAL, page
from registry.models import Repository, RetentionRun, TagDeletion

router = Router(tags=["clean-up"])
R = "/repositories/{namespace}/{name}"


class RunIn(Schema):
    dry: bool = Field(True, description="Only look: nothing is deleted.")
    revision: int | None = Field(None, description="409 where the policy was changed since that revision.")


class ReasonOut(Schema):
    goes: bool
    why: str
    tags: int


class RunOut(Schema):
    """`by` is "" for a run by schedule. `freed_bytes` is an estimate, before anything is collected."""

    id: int
    dry: bool
    by: str
    state: Literal["asked", "choosing", "deleting", "done", "failed"]
    sentence: str
    total: int
    going: int
    freed_bytes: int | None
    reasons: list[ReasonOut]
    asked_at: datetime
    ended_at: datetime | None


@router.post(f"{R}/retention/runs", response={202: RunOut}, summary="Clean up now")
def run(request: HttpRequest, namespace: str, name: str, body: RunIn) -> Any:
    """Have a worker look, and with `dry` false delete. Asking again gives the run that is open."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    found = ask_run(person(request), repository, is_dry=body.dry, revision=body.revision)
    return Status(202, _run_out(found))


@router.get(f"{R}/retention/runs", response=Page, summary="List the clean-ups")
def runs(request: HttpRequest, namespace: str, name: str, cursor: str = "", limit: int = USUAL) -> Any:
    """Newest first, looks included; kept for 90 days, looks for 14."""
    repository = find_repository(request, namespace, name, role=Role.READ)
    found = page(
        RetentionRun.objects.filter(repository=repository), key="-pk", cursor=cursor, limit=limit, show=_run_out
    )
    return {**found, "items": [RunOut(**item) for item in found["items"]]}


@router.get(f"{R}/retention/runs/{{int:run_id}}", response=RunOut, summary="Read a clean-up")
def one(request: HttpRequest, namespace: str, name: str, run_id: int) -> Any:
    """How far it is, and why tags went or stayed, counted."""
    return _run_out(_run(find_repository(request, namespace, name, role=Role.READ), run_id))


@router.get(f"{R}/retention/runs/{{int:run_id}}/tags", response=Page, summary="List the tags of a clean-up")
def lines(request: HttpRequest, namespace: str, name: str, run_id: int, cursor: str = "", limit: int = USUAL) -> Any:
    """Every tag that was to go, with what became of it."""
    found_run = _run(find_repository(request, namespace, name, role=Role.READ), run_id)
    rows = TagDeletion.objects.filter(run=found_run)
    found = page(rows, key="pk", cursor=cursor, limit=limit, show=deletion_out)
    return {**found, "items": [DeletionOut(**item) for item in found["items"]]}


def _run(repository: Repository, run_id: int) -> RetentionRun:
    found = RetentionRun.objects.filter(repository=repository, pk=min(run_id, 2**62)).first()
    if found is None:
        raise Http404(f"{repository.path} has no such clean-up, or its report is too old to be kept.")
    return found


def _run_out(run: RetentionRun) -> dict[str, Any]:
    names = ("by", "state", "sentence", "total", "going", "freed_bytes", "asked_at", "ended_at")
    return {name: getattr(run, name) for name in names} | {
        "id": run.pk,
        "dry": run.is_dry,
        "reasons": [{"goes": goes, "why": why, "tags": count} for goes, why, count in run.reasons],
    }
