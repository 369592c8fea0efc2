"""The API's tags: where each points now, where one pointed before, and two of them side by side. Moves none."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema

from builds.api.compare import ComparedLayersOut, ConfigRowOut, config_out, layers_out
from builds.api.schemas import Page, TagOut
from builds.api.shapes import tag_out
from builds.views.lookup import find_repository
from builds.views.tag_compare import ComparedTags, TagSide, compared_tags
from builds.views.tag_list import Wanted, select_tags
from lib.paging import USUAL, page, page_by
from registry.models import Tag, TagMove

router = Router(tags=["tags"])
R = "/repositories/{namespace}/{name}"
Kind = Literal["all", "floating", "build"]
Sort = Literal[
    "name", "-name", "date", "-date", "version", "-version", "size", "-size", "pulls", "-pulls", "pulled", "-pulled"
]


class MoveOut(Schema):
    """`moved` is false where the tag stayed where it was; the sentence says why. `by` is a person, "" for a build.

    `kind` is build, rollback, promote, push (past Imageyard), delete or retention; the last two have no digest.
    """

    at: datetime
    moved: bool
    from_digest: str | None
    digest: str = Field(description="Where it pointed from then on; empty where it was taken away.")
    build: int | None
    source: str | None = Field(description="The repository that the image was promoted from.")
    source_build: int | None
    by: str
    kind: str
    pull: str = Field(description="The name by which this image is pulled, also when the tag has moved on.")
    sentence: str


class SideOut(Schema):
    """`tag` is null where the address names a digest. `state` says how far reading the image is."""

    tag: str | None
    digest: str
    build: int | None
    size: int | None
    platforms: list[str]
    state: Literal["unknown", "asked", "reading", "ready", "failed"]
    sentence: str


class TagsComparedOut(Schema):
    """`layers` and `config` are of the platforms that both have, empty until both images were read."""

    before: SideOut
    after: SideOut
    same: bool
    headlines: list[str]
    layers: list[ComparedLayersOut]
    config: list[ConfigRowOut]


@router.get(f"{R}/tags", response=Page, summary="List the tags")
def tags(
    request: HttpRequest,
    namespace: str,
    name: str,
    q: str = "",
    sort: Sort = "name",
    kind: Kind = "all",
    cursor: str = "",
    limit: int = USUAL,
) -> Any:
    """Where each tag points now, by name. `q` is a part of the name, the beginning of a digest, or a build (`#41`).

    By version, what is none comes last; `pulled` has what was never pulled first; `build` tags never move.
    """
    wanted = Wanted.of(kind, q, sort)
    rows = select_tags(find_repository(request, namespace, name), wanted)
    if len(wanted.keys) == 1:
        found = page(rows, key=wanted.keys[0], cursor=cursor, limit=limit, show=tag_out)
    else:
        found = page_by(rows, keys=wanted.keys, cursor=cursor, limit=limit, show=tag_out)
    return {**found, "items": [TagOut(**item) for item in found["items"]]}


@router.get(f"{R}/tags/{{tag}}/history", response=Page, summary="Read where a tag pointed")
def history(request: HttpRequest, namespace: str, name: str, tag: str, cursor: str = "", limit: int = USUAL) -> Any:
    """Every move of the tag, and every one that was refused, newest first."""
    repository = find_repository(request, namespace, name)
    rows = TagMove.objects.filter(repository=repository, tag=tag)
    if not rows.exists() and not Tag.objects.filter(repository=repository, name=tag).exists():
        raise Http404(f"{repository.path} has no tag {tag[:128]}, and never had one.")
    image = repository.image
    found = page_by(rows, keys=("-at", "-pk"), cursor=cursor, limit=limit, show=lambda move: _move(move, image))
    return {**found, "items": [MoveOut(**item) for item in found["items"]]}


@router.get(f"{R}/compare-tags/{{before}}/{{after}}", response=TagsComparedOut, summary="Compare two tags")
def compare(request: HttpRequest, namespace: str, name: str, before: str, after: str) -> Any:
    """Two tags or digests, the older one first as a rule. An image that nobody has read yet is read by a worker."""
    found = compared_tags(request, find_repository(request, namespace, name), before, after)
    return {
        "before": _side(found.before),
        "after": _side(found.after),
        "same": found.is_one,
        "headlines": found.headlines,
        **_differences(found),
    }


def _move(move: TagMove, image: str) -> dict[str, Any]:
    return {
        "at": move.at,
        "moved": move.moved,
        "from_digest": move.from_digest or None,
        "digest": move.to_digest,
        "build": move.build_number,
        "source": move.origin_path or None,
        "source_build": move.origin_build,
        "by": move.by,
        "kind": move.kind,
        "pull": f"{image}@{move.to_digest}" if move.to_digest else "",
        "sentence": move.sentence,
    }


def _side(side: TagSide) -> dict[str, Any]:
    document, look, build = side.image.document, side.image.look, side.image.build
    return {
        "tag": side.tag.name if side.tag else None,
        "digest": side.image.digest,
        "build": build.number if build else None,
        "size": document["size_bytes"] if document else side.tag.size_bytes if side.tag else None,
        "platforms": [platform["platform"] for platform in (document or {}).get("platforms", ())],
        "state": "ready" if document else look.state if look else "unknown",
        "sentence": look.sentence if look and not document else "",
    }


def _differences(found: ComparedTags) -> dict[str, Any]:
    return {"layers": [layers_out(image) for image in found.images], "config": config_out(found.settings)}
