"""Of which platforms the images of tags are, and how large each is, as far as a worker has read it. Asks no registry.

Attestations are no platforms: `builds.core.image_document` keeps them with the image that they speak of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.db.models.fields.json import KT

from builds.core.image_document import MOST_PLATFORMS
from builds.models import BuildRecord, ImageLook
from registry.models import Repository, Tag


@dataclass(frozen=True, slots=True)
class PlatformSize:
    """`size_bytes` is what a pull for this platform transfers, None where its manifest is gone."""

    platform: str
    size_bytes: int | None


def platforms_of(repository: Repository, tags: Sequence[Tag]) -> Mapping[str, tuple[PlatformSize, ...]]:
    """By digest. Two queries, and no document of an image is fetched: the database takes out what a list shows."""
    digests = {tag.digest for tag in tags}
    numbers = {tag.build_number for tag in tags if tag.build_number}
    records = BuildRecord.objects.filter(build__repository=repository, build__number__in=numbers)
    found = _read(records, "image", KT("image__digest"), digests)
    if missing := digests - found.keys():
        looks = ImageLook.objects.filter(
            repository=repository, kind=ImageLook.Kind.IMAGE, digest__in=missing, state=ImageLook.State.READY
        )
        found |= _read(looks, "facts", KT("facts__digest"), missing)
    return found


def _read(rows: QuerySet[Any], field: str, digest: Any, wanted: Iterable[str]) -> dict[str, tuple[PlatformSize, ...]]:
    places = range(MOST_PLATFORMS)
    taken = {f"name_{place}": KT(f"{field}__platforms__{place}__platform") for place in places}
    taken |= {f"size_{place}": KT(f"{field}__platforms__{place}__size_bytes") for place in places}
    found = {}
    for row in rows.annotate(of_digest=digest, **taken).values("of_digest", *taken):
        if row["of_digest"] in wanted:
            found[row["of_digest"]] = tuple(
                PlatformSize(str(row[f"name_{place}"]), _whole(row[f"size_{place}"]))
                for place in places
                if row[f"name_{place}"] is not None
            )
    return found


def _whole(value: Any) -> int | None:
    """The database gives a number, or its digits."""
    return int(value) if str(value or "").isdecimal() else None
