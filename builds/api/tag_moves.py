"""The API's way to move tags without a build: roll back, promote, hold, release; and which tags never move."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema, Status

from accounts.models import Role
from builds.actions.fixed_tags import fixed_tags_of, set_fixed_tags
from builds.actions.origins import origin_of
from builds.actions.tag_orders import ask_tag, find_elsewhere, release_tag
from builds.api.schemas import TagOut
from builds.api.shapes import tag_out
from builds.models import TagOrder
from builds.views.lookup import find_repository, person
from builds.views.promotions import promoted_to, source_of
from lib.refusal import Refused
from registry.models import Repository, Tag

router = Router(tags=["tags"])
R = "/repositories/{namespace}/{name}"


class TagIn(Schema):
    """Name `build`, or `digest` from the history of a tag. `seen` is the digest that the tag is thought to have.

    With `from`, another repository, the image is promoted from there: `build` and `digest` are that repository's.
    """

    from_: str = Field("", alias="from", description="`acme/web`: the repository that has the image.")
    build: int | None = Field(None, ge=1)
    digest: str = ""
    hold: bool | None = Field(None, description="Afterwards held, released, or (null) as it was.")
    seen: str | None = Field(None, description='Refused (409) where the tag moved meanwhile; "" for a new tag.')
    referrers: bool = Field(True, description="Of a promotion: copy signatures and the like with the image.")


class OrderOut(Schema):
    id: int
    tag: str
    digest: str
    build: int | None
    source: str | None = Field(description="The repository that the image is promoted from.")
    source_build: int | None
    bytes_done: int = Field(description="Of the copy; what was there already counts.")
    bytes_total: int | None = Field(description="Null until the image was read.")
    from_digest: str
    from_build: int | None
    kind: Literal["rollback", "promote"]
    hold: bool | None
    by: str
    state: Literal["asked", "doing", "done", "failed"]
    sentence: str
    asked_at: datetime
    ended_at: datetime | None


class OriginOut(Schema):
    """The repository that an image was promoted from, and the build there that made it."""

    repository: str
    build: int | None


class PromotedOut(Schema):
    """A tag of another repository that was put on this image; `is_there`: it still points to it."""

    repository: str
    tag: str
    at: datetime
    by: str
    is_there: bool


class TagDetail(TagOut):
    """`order` is what was asked of it last; `never_moves` the pattern that covers it."""

    promoted_from: OriginOut | None
    promoted_to: list[PromotedOut] = Field(description="Newest first, at most 20, those that you may see.")
    held_by: str
    held_since: datetime | None
    never_moves: str | None
    order: OrderOut | None


class FixedIn(Schema):
    patterns: list[str] = Field(description="Names, or regexes between slashes (RE2).")


class FixedOut(Schema):
    pattern: str
    tags: list[str] = Field(description="Present tags that it covers, at most 100.")


class FixedList(Schema):
    patterns: list[FixedOut]


@router.post(f"{R}/tags/{{tag}}", response={202: OrderOut}, summary="Put a tag on an image")
def move(request: HttpRequest, namespace: str, name: str, tag: str, body: TagIn) -> Any:
    """Roll back or promote without a build, also from another repository. A worker copies the image and puts the tag;
    asking the same again gives the same order.
    """
    repository = find_repository(request, namespace, name, role=Role.WRITE)
    if (body.build is None) == (not body.digest):
        raise Refused("Name either the build or the digest that the tag is to point to.")
    source = source_of(request, body.from_) if body.from_ else repository
    target = find_elsewhere(repository, source, build=body.build, digest=body.digest)
    order = ask_tag(
        person(request), repository, tag, target, hold=body.hold, seen=body.seen, with_referrers=body.referrers
    )
    return Status(202, _order_out(order))


@router.get(f"{R}/tags/{{tag}}", response=TagDetail, summary="Read a tag")
def detail(request: HttpRequest, namespace: str, name: str, tag: str) -> Any:
    """Where it points, who holds it, and how far the last order is."""
    return _detail(request, find_repository(request, namespace, name), tag)


@router.get(f"{R}/tags/{{tag}}/orders/{{int:order_id}}", response=OrderOut, summary="Read what was asked of a tag")
def order(request: HttpRequest, namespace: str, name: str, tag: str, order_id: int) -> Any:
    """How far it is; the sentence says what it waits for, what was done, or why not."""
    repository = find_repository(request, namespace, name)
    found = TagOrder.objects.filter(repository=repository, tag=tag, pk=min(order_id, 2**62)).first()
    if found is None:
        raise Http404(f"Nobody asked that of {tag[:128]} in {repository.path}.")
    return _order_out(found)


@router.post(f"{R}/tags/{{tag}}/release", response=TagDetail, summary="Release a tag")
def release(request: HttpRequest, namespace: str, name: str, tag: str) -> Any:
    """Let builds move it again; 409 where it is not held."""
    repository = find_repository(request, namespace, name, role=Role.WRITE)
    release_tag(person(request), repository, tag)
    return _detail(request, repository, tag)


@router.get(f"{R}/fixed-tags", response=FixedList, summary="List the tags that never move")
def fixed(request: HttpRequest, namespace: str, name: str) -> Any:
    """The patterns, and the present tags that each covers."""
    return _fixed_out(find_repository(request, namespace, name))


@router.put(f"{R}/fixed-tags", response=FixedList, summary="Say which tags never move")
def set_fixed(request: HttpRequest, namespace: str, name: str, body: FixedIn) -> Any:
    """All of them, or none where one cannot be read."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    set_fixed_tags(person(request), repository, "\n".join(body.patterns))
    return _fixed_out(repository)


def _detail(request: HttpRequest, repository: Repository, name: str) -> dict[str, Any]:
    tag = Tag.objects.filter(repository=repository, name=name).first()
    if tag is None:
        raise Http404(f"{repository.path} has no tag {name[:128]}.")
    last = TagOrder.objects.filter(repository=repository, tag=name).first()
    origin = None if tag.build_number else origin_of(repository.pk, tag.digest)
    found = promoted_to(request, repository, digest=tag.digest)
    return tag_out(tag) | {
        "promoted_from": {"repository": origin.path, "build": origin.build_number} if origin else None,
        "promoted_to": [
            {"repository": one.repository.path, "tag": one.tag, "at": one.at, "by": one.by, "is_there": one.is_there}
            for one in found
        ],
        "held_by": tag.held_by,
        "held_since": tag.held_since,
        "never_moves": fixed_tags_of(repository.pk).pattern_of(name) or None,
        "order": _order_out(last) if last else None,
    }


def _fixed_out(repository: Repository) -> dict[str, Any]:
    names = Tag.objects.filter(repository=repository).order_by("name").values_list("name", flat=True)
    covered = fixed_tags_of(repository.pk).covered(names)
    return {"patterns": [{"pattern": pattern, "tags": tags[:100]} for pattern, tags in covered]}


def _order_out(order: TagOrder) -> dict[str, Any]:
    names = ("tag", "digest", "from_digest", "from_build", "kind", "hold", "by", "state", "sentence")
    shown = {name: getattr(order, name) for name in names}
    return shown | {
        "id": order.pk,
        "build": order.build_number,
        "source": order.source_path or None,
        "source_build": order.source_build,
        "bytes_done": order.bytes_done,
        "bytes_total": order.bytes_total,
        "asked_at": order.asked_at,
        "ended_at": order.ended_at,
    }
