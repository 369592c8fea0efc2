"""The API's way to delete a tag: asked here, done by a worker, put back as long as the image is in the registry."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import Http404, HttpRequest
from ninja import Schema, Status

from accounts.models import Role
from builds.actions.tag_deletions import ask_deletion
from builds.api.tag_moves import router
from builds.views.lookup import find_repository, person
from registry.models import TagDeletion

# One router for both: they share an address.
__all__ = ["router"]
R = "/repositories/{namespace}/{name}"


class DeletionOut(Schema):
    """`state` is left where the tag moved, is held or is wanted: it is still there, and the sentence says why."""

    id: int
    tag: str
    digest: str
    build: int | None
    by: str
    why: str
    state: Literal["listed", "asked", "doing", "done", "left", "failed"]
    sentence: str
    asked_at: datetime
    ended_at: datetime | None


@router.delete(f"{R}/tags/{{tag}}", response={202: DeletionOut}, summary="Delete a tag")
def delete(request: HttpRequest, namespace: str, name: str, tag: str, seen: str | None = None) -> Any:
    """Take one tag away; other tags of its image stay, and so does the image until it is collected.

    `seen` is the digest that the tag is thought to have: 409 where it moved meanwhile. 409 too for a tag that is held
    or fixed. A worker does it; asking again gives the same deletion. `POST …/tags/{tag}` with the digest puts it back.
    """
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    return Status(202, deletion_out(ask_deletion(person(request), repository, tag, seen=seen)))


@router.get(
    f"{R}/tags/{{tag}}/deletions/{{int:deletion_id}}", response=DeletionOut, summary="Read the deletion of a tag"
)
def read(request: HttpRequest, namespace: str, name: str, tag: str, deletion_id: int) -> Any:
    """How far it is; the sentence says what it waits for, what was done, or why not."""
    repository = find_repository(request, namespace, name)
    found = TagDeletion.objects.filter(repository=repository, tag=tag, pk=min(deletion_id, 2**62)).first()
    if found is None:
        raise Http404(f"Nobody asked for that deletion of {tag[:128]} in {repository.path}.")
    return deletion_out(found)


def deletion_out(deletion: TagDeletion) -> dict[str, Any]:
    names = ("tag", "digest", "by", "why", "state", "sentence", "asked_at", "ended_at")
    shown = {name: getattr(deletion, name) for name in names}
    return shown | {"id": deletion.pk, "build": deletion.build_number}
