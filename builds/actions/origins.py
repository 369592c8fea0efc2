"""Where images of a repository came from, if they were promoted from another one. Read, not written."""

from __future__ import annotations

from collections.abc import Iterable

from builds.core.tag_words import image_words
from builds.models import TagOrder
from registry.core.origin import Origin
from registry.models import Tag, TagMove


def origins_of(repository_id: int, digests: Iterable[str]) -> dict[str, Origin]:
    """By digest, of those that came from elsewhere; one query. The newest promotion counts."""
    rows = TagMove.objects.filter(repository_id=repository_id, to_digest__in=set(digests), moved=True)
    told = rows.exclude(origin_path="").order_by("pk")
    columns = ("to_digest", "origin_path", "origin_build", "origin_id")
    return {digest: Origin(path, build, origin) for digest, path, build, origin in told.values_list(*columns)}


def origin_of(repository_id: int, digest: str) -> Origin | None:
    """Of one digest."""
    return origins_of(repository_id, [digest]).get(digest)


def tag_place(tag: Tag | None) -> str:
    """Where a tag points, in a sentence; "" where there is no tag."""
    if tag is None:
        return ""
    origin = None if tag.build_number else origin_of(tag.repository_id, tag.digest)
    return image_words(tag.build_number, tag.digest, origin)


def order_origin(order: TagOrder) -> Origin | None:
    """Where the image of an order comes from, if that is another repository."""
    return Origin(order.source_path, order.source_build, order.source_id) if order.is_copy else None
