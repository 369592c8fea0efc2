"""The API's pull requests: whose are built, and the answer to the question that a fork's asks."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema, Status

from accounts.models import Role
from builds.actions.pull_requests import approve_build, decline_build, set_pull_requests
from builds.api.builds import find_build
from builds.api.schemas import BuildOut
from builds.api.shapes import builds_out
from builds.models import Review
from builds.views.lookup import find_repository, find_source, person

router = Router(tags=["pull requests"])
R = "/repositories/{namespace}/{name}/pull-requests"


class PullRequestsIn(Schema):
    """`forks` includes those of the repository's own branches."""

    policy: Literal["off", "same", "forks"]


class PullRequestsOut(PullRequestsIn):
    waiting: list[int] = Field(description="Ids of builds that wait for a member's approval.")


class ReviewOut(Schema):
    """What the commit changes. `files` say what runs and come with their diffs; `others` are names alone."""

    state: str
    sentence: str
    commit: str
    base_commit: str
    pull_request: dict[str, Any]
    hold_until: datetime | None
    files: list[dict[str, Any]]
    others: list[dict[str, Any]]
    others_total: int


class ApproveIn(Schema):
    """The whole commit that was looked at; any other is refused."""

    commit: str = Field(max_length=64)


class DeclineIn(Schema):
    reason: str = Field("", max_length=200)


@router.get(R, response=PullRequestsOut, summary="Read whose pull requests are built")
def read(request: HttpRequest, namespace: str, name: str) -> Any:
    """The choice, and what waits for an approval."""
    repository = find_repository(request, namespace, name, role=Role.READ)
    source = find_source(repository)
    waiting = repository.builds.filter(state="queued", hold="approval").order_by("pk").values_list("pk", flat=True)
    return {"policy": source.pull_requests if source else "off", "waiting": list(waiting[:100])}


@router.put(R, response=PullRequestsOut, summary="Choose whose pull requests are built")
def choose(request: HttpRequest, namespace: str, name: str, body: PullRequestsIn) -> Any:
    """Of nobody, of the repository's own branches, or of forks too once a member approves."""
    source = find_source(find_repository(request, namespace, name, role=Role.ADMIN))
    if source is None:
        raise Http404(f"{namespace}/{name} has no source yet. Link one: PUT /repositories/{namespace}/{name}/source.")
    set_pull_requests(person(request), source, body.policy)
    return read(request, namespace, name)


@router.get("/builds/{int:build_id}/review", response=ReviewOut, summary="Read what a pull request changes")
def review(request: HttpRequest, build_id: int) -> Any:
    """For builds that wait for an approval, or did; 404 for others."""
    build = find_build(request, build_id, role=Role.READ)
    found = Review.objects.filter(build=build).first()
    if found is None:
        raise Http404(f"Build {build_id} asked for no approval.")
    told = {name: getattr(found, name) for name in ReviewOut.model_fields if hasattr(found, name)}
    return told | {"pull_request": build.pull_request, "hold_until": build.hold_until}


@router.post("/builds/{int:build_id}/approve", response={202: BuildOut}, summary="Approve a fork's commit")
def approve(request: HttpRequest, build_id: int, body: ApproveIn) -> Any:
    """Let exactly this commit be built. 409 where the build is of another one, or the question is answered."""
    build = approve_build(person(request), find_build(request, build_id, role=Role.WRITE), body.commit)
    return Status(202, builds_out([build])[0])


@router.post("/builds/{int:build_id}/decline", response={202: BuildOut}, summary="Decline a fork's commit")
def decline(request: HttpRequest, build_id: int, body: DeclineIn) -> Any:
    """Do not let it be built. A new push asks again."""
    build = decline_build(person(request), find_build(request, build_id, role=Role.WRITE), body.reason)
    return Status(202, builds_out([build])[0])
