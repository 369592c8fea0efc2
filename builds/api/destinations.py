"""The API's say in where images go: a repository's main registry, further ones, and the copies of a build."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema, Status

from accounts.models import Role
from builds.actions.destination_pushes import ask_again
from builds.api.builds import find_build
from builds.models import DestinationPush
from builds.views.lookup import find_repository, person
from lib.paging import USUAL, page
from registry.actions.destinations import remove_destination, save_destination, set_main_registry
from registry.models import Destination, Registry, Repository

router = Router(tags=["registries"])
R = "/repositories/{namespace}/{name}"
D = f"{R}/destinations/{{destination_id}}"


class PlaceIn(Schema):
    registry: str = Field(description="Its host, as in image names: one of all, or of the namespace.")
    remote_path: str = Field("", max_length=255, description="Empty: as the registry maps names.")


class MainOut(Schema):
    registry: str
    remote_path: str
    image: str


class DestinationIn(PlaceIn):
    is_on: bool = True


class DestinationChange(Schema):
    is_on: bool | None = None
    remote_path: str | None = Field(None, max_length=255)


class DestinationOut(Schema):
    id: int
    registry: str
    remote_path: str
    image: str
    is_on: bool


class DestinationsOut(Schema):
    items: list[DestinationOut]
    next: str | None


class PushOut(Schema):
    id: int
    image: str
    state: str = Field(description="asked, doing, done or failed")
    sentence: str
    digest: str
    tags: list[str] = Field(description="Those that have the image there.")
    not_moved: list[str] = Field(description="A sentence for each tag that was left alone.")
    asked_at: datetime
    ended_at: datetime | None


class PushesOut(Schema):
    items: list[PushOut]
    next: str | None


@router.get(f"{R}/registry", response=MainOut, summary="Read where images go")
def main(request: HttpRequest, namespace: str, name: str) -> Any:
    """The main registry: builds push there, and tags are those there."""
    return _main_out(find_repository(request, namespace, name))


@router.put(f"{R}/registry", response=MainOut, summary="Choose the main registry")
def set_main(request: HttpRequest, namespace: str, name: str, body: PlaceIn) -> Any:
    """From the next build on; images that are there already stay where they are."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    set_main_registry(person(request), repository, _registry(repository, body.registry), body.remote_path)
    return _main_out(repository)


@router.get(f"{R}/destinations", response=DestinationsOut, summary="List further registries")
def listing(request: HttpRequest, namespace: str, name: str, cursor: str = "", limit: int = USUAL) -> Any:
    """Where the images of every build are copied to."""
    repository = find_repository(request, namespace, name, role=Role.READ)
    rows = repository.destinations.select_related("registry").defer("registry__password")
    return page(rows, key="pk", cursor=cursor, limit=limit, show=_out)


@router.post(f"{R}/destinations", response={201: DestinationOut}, summary="Add a further registry")
def create(request: HttpRequest, namespace: str, name: str, body: DestinationIn) -> Any:
    """Images of builds from now on are copied there, all tags together or none."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    registry = _registry(repository, body.registry)
    return Status(
        201, _out(save_destination(person(request), repository, registry, body.remote_path, is_on=body.is_on))
    )


@router.patch(D, response=DestinationOut, summary="Change a further registry")
def change(request: HttpRequest, namespace: str, name: str, destination_id: int, body: DestinationChange) -> Any:
    """Switch it on or off, or let images go by another path there."""
    repository, row = _find(request, namespace, name, destination_id)
    is_on = row.is_on if body.is_on is None else body.is_on
    path = body.remote_path or ""
    return _out(save_destination(person(request), repository, row.registry, path, is_on=is_on, destination=row))


@router.delete(D, response={204: None}, summary="Remove a further registry")
def remove(request: HttpRequest, namespace: str, name: str, destination_id: int) -> Any:
    """Nothing is copied there any more; what is there stays there."""
    _, row = _find(request, namespace, name, destination_id)
    remove_destination(person(request), row)
    return Status(204, None)


@router.get("/builds/{int:build_id}/destinations", response=PushesOut, summary="List the copies of a build")
def pushes(request: HttpRequest, build_id: int, cursor: str = "", limit: int = USUAL) -> Any:
    """What became of its image at each further registry."""
    rows = DestinationPush.objects.filter(build=find_build(request, build_id))
    return page(rows, key="pk", cursor=cursor, limit=limit, show=_push_out)


@router.post(
    "/builds/{int:build_id}/destinations/{push_id}/push", response={202: PushOut}, summary="Copy a build's image again"
)
def push_again(request: HttpRequest, build_id: int, push_id: int) -> Any:
    """From the main registry, without a build. 409 while it is on its way."""
    build = find_build(request, build_id, role=Role.WRITE)
    push = DestinationPush.objects.select_related("build").filter(build=build, pk=push_id).first()
    if push is None:
        raise Http404(f"Build {build_id} was not copied there.")
    ask_again(person(request), push)
    push.refresh_from_db()
    return Status(202, _push_out(push))


def _registry(repository: Repository, host: str) -> Registry:
    """The namespace's own registry of that host, or everybody's."""
    rows = Registry.objects.usable_in(repository.namespace).filter(host=host)
    found = sorted(rows, key=lambda row: row.namespace_id is None)
    if not found:
        raise Http404(f"{repository.namespace.name} has no registry {host[:255]}.")
    return found[0]


def _find(request: HttpRequest, namespace: str, name: str, destination_id: int) -> tuple[Repository, Destination]:
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    row = (
        repository.destinations.select_related("registry").defer("registry__password").filter(pk=destination_id).first()
    )
    if row is None:
        raise Http404(f"{repository.path} is not copied there; it may have been removed.")
    return repository, row


def _main_out(repository: Repository) -> dict[str, Any]:
    path = repository.registry_path
    return {"registry": repository.registry.host, "remote_path": path, "image": repository.image}


def _out(row: Destination) -> dict[str, Any]:
    names = ("remote_path", "image", "is_on")
    return {"id": row.pk, "registry": row.registry.host, **{name: getattr(row, name) for name in names}}


def _push_out(push: DestinationPush) -> dict[str, Any]:
    names = ("image", "sentence", "digest", "not_moved", "asked_at", "ended_at")
    return {
        "id": push.pk,
        "state": str(push.state),
        "tags": push.moved,
        **{name: getattr(push, name) for name in names},
    }
