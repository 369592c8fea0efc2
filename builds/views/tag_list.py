"""Which tags of a repository a list shows, and in which order: for the Tags page and the API. All in the database."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import BigIntegerField, Case, Count, DateTimeField, F, Q, QuerySet, Value, When, Window
from django.db.models.functions import Coalesce, RowNumber

from registry.core.tag_key import VERSION
from registry.models import Repository, Tag, TagQuerySet

KINDS = ("floating", "build", "all")
_UNKNOWN_LAST = 2**63 - 1
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
# A "-" before a key turns it round. Whatever is alike goes by name, so that no list ever changes its order.
ORDERS: dict[str, tuple[str, ...]] = {
    "-date": ("-pushed_at", "name"),
    "date": ("pushed_at", "name"),
    "-version": ("-version_key", "name"),
    "version": ("no_version", "version_key", "name"),
    "name": ("name",),
    "-name": ("-name",),
    "-size": ("-size_or_none", "name"),
    "size": ("size_or_most", "name"),
    "-pulls": ("-pulls", "name"),
    "pulls": ("pulls", "name"),
    "-pulled": ("-pulled_or_never", "name"),
    "pulled": ("pulled_or_never", "name"),
}
# What is no version comes behind the versions, and what has no known size last, whichever way the list runs.
_COMPUTED: dict[str, Any] = {
    "no_version": Case(When(version_key__gte=VERSION, then=0), default=1, output_field=BigIntegerField()),
    "size_or_none": Coalesce("size_bytes", Value(-1), output_field=BigIntegerField()),
    "size_or_most": Coalesce("size_bytes", Value(_UNKNOWN_LAST), output_field=BigIntegerField()),
    # Whoever looks for what nobody needs wants what was never pulled first.
    "pulled_or_never": Coalesce("last_pulled_at", Value(_NEVER), output_field=DateTimeField()),
}
_DIGEST = re.compile(r"(sha256:|sha512:)[0-9a-f]{1,128}|[0-9a-f]{4,128}", re.ASCII)
_BUILD = re.compile(r"#(\d{1,9})", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_LONGEST_SEARCH = 200
# Of one image. A thousand tags may point to it; nobody reads them in a row of a table.
MOST_TOGETHER = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a list. What is none of KINDS or ORDERS is taken for the usual."""

    kind: str = "floating"
    search: str = ""
    sort: str = "-date"

    @classmethod
    def of(cls, kind: str, search: str, sort: str) -> Wanted:
        """As it stands in a query."""
        return cls(
            kind if kind in KINDS else "floating",
            search.strip()[:_LONGEST_SEARCH],
            sort if sort in ORDERS else "-date",
        )

    @property
    def keys(self) -> tuple[str, ...]:
        return ORDERS[self.sort]


def select_tags(repository: Repository, wanted: Wanted) -> QuerySet[Tag]:
    """The tags in order. A search is in the name, the beginning of a digest, or a build's number (`41`, `#41`)."""
    rows = _of_kind(Tag.objects.filter(repository=repository), wanted.kind)
    if wanted.search:
        rows = rows.filter(_matches(wanted.search))
    computed = {key.lstrip("-") for key in wanted.keys} & _COMPUTED.keys()
    return rows.annotate(**{name: _COMPUTED[name] for name in sorted(computed)}).order_by(*wanted.keys)


def one_for_each_image(rows: QuerySet[Tag], wanted: Wanted) -> QuerySet[Tag]:
    """Of tags that point to one digest the first alone, in the same order."""
    place = Window(RowNumber(), partition_by=F("digest"), order_by=list(wanted.keys))
    return rows.annotate(place=place).filter(place=1)


@dataclass(frozen=True, slots=True)
class Together:
    """The tags that point to one image: at most MOST_TOGETHER of `total`, words first, then as versions."""

    tags: tuple[Tag, ...]
    total: int

    @property
    def more(self) -> int:
        return self.total - len(self.tags)


def together(repository: Repository, digests: Sequence[str], kind: str) -> dict[str, Together]:
    """By digest, all tags that point to it, also those that a search left out. One query."""
    order = ["version_key", "name"]
    tags = _of_kind(Tag.objects.filter(repository=repository, digest__in=digests), kind)
    rows = tags.annotate(
        place=Window(RowNumber(), partition_by=F("digest"), order_by=order),
        total=Window(Count("pk"), partition_by=F("digest")),
    )
    found: dict[str, list[Any]] = {}
    for tag in rows.filter(place__lte=MOST_TOGETHER).order_by(*order):
        found.setdefault(tag.digest, []).append(tag)
    return {digest: Together(tuple(tags), tags[0].total) for digest, tags in found.items()}


def _of_kind(rows: TagQuerySet, kind: str) -> TagQuerySet:
    if kind == "all":
        return rows
    return rows.of_builds() if kind == "build" else rows.floating()


def _matches(text: str) -> Q:
    if build := _BUILD.fullmatch(text):
        return Q(build_number=int(build[1]))
    found = Q(name__icontains=text)
    if digest := _DIGEST.fullmatch(text):
        for kind in ("",) if digest[1] else ("sha256:", "sha512:"):
            found |= Q(digest__startswith=f"{kind}{text}")
    if _NUMBER.fullmatch(text):
        found |= Q(build_number=int(text))
    return found
