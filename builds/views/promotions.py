"""Promotion between repositories, for pages and the API: from where, to where, what it costs, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from accounts.models import Namespace, Role
from builds.actions.tag_orders import Target
from builds.core.promotion_words import cost_words
from builds.models import Build
from lib.humanize import quoted
from lib.refusal import Refused
from registry.core.origin import Origin
from registry.models import Repository, RepositoryQuerySet, Tag, TagMove

MOST_CHOICES = 300
"""Repositories that are offered; any other can be typed."""
MOST_TOLD = 20


@dataclass(frozen=True, slots=True)
class PromotedTo:
    """A tag of another repository that was put on an image. `is_there`: it still points to it."""

    repository: Repository
    tag: str
    at: datetime
    by: str
    is_there: bool


def writes_somewhere(request: HttpRequest) -> bool:
    """Whether the person may put a tag into any repository; asked once for each request."""
    known: bool | None = request.__dict__.get("_imageyard_writes")
    if known is None:
        known = Namespace.objects.with_role(request.user, Role.WRITE).exists()
        request.__dict__["_imageyard_writes"] = known
    return known


def source_of(request: HttpRequest, text: str) -> Repository:
    """The repository that `acme/web` names, with namespace and registry. Raises Refused where the person sees none."""
    return _named(text, Repository.objects.visible_to(request.user), "or it is private and you are not a member")


def target_of(request: HttpRequest, text: str) -> Repository:
    """The same of one where the person may put tags."""
    return _named(text, Repository.objects.writable_by(request.user), "or you do not have the write role there")


def _named(text: str, rows: RepositoryQuerySet, clause: str) -> Repository:
    namespace, _, name = text.strip().partition("/")
    found = rows.filter(namespace__name=namespace, name=name).select_related("namespace", "registry").first()
    if found is None:
        raise Refused(f"There is no repository {quoted(text.strip())}, {clause}.", code="not_found")
    return found


def choices(request: HttpRequest) -> list[Repository]:
    """The repositories in which the person may put tags, by name."""
    rows = Repository.objects.writable_by(request.user).select_related("namespace", "registry")
    return list(rows.order_by("namespace__name", "name")[:MOST_CHOICES])


def what_it_costs(target: Target, repository: Repository) -> str:
    """What has to be copied for a promotion, as far as it is known without asking a registry."""
    source = target.source
    if source is None:
        return ""
    known = Build.objects.filter(repository=source, digest=target.digest).exclude(size_bytes=None)
    size = known.values_list("size_bytes", flat=True).first()
    if size is None:
        rows = Tag.objects.filter(repository=source, digest=target.digest).exclude(size_bytes=None)
        size = rows.values_list("size_bytes", flat=True).first()
    here, there = source.registry.host, repository.registry.host
    return cost_words(size, here, there if source.registry_id != repository.registry_id else "")


def promoted_to(
    request: HttpRequest, repository: Repository, *, build: int | None = None, digest: str = ""
) -> list[PromotedTo]:
    """Where an image of `repository` was promoted to, newest first, one for each tag that the person may see."""
    rows = TagMove.objects.filter(origin=repository, kind=TagMove.Kind.PROMOTE, moved=True)
    rows = rows.filter(origin_build=build) if build is not None else rows.filter(to_digest=digest)
    seen = Repository.objects.visible_to(request.user)
    moves = rows.filter(repository__in=seen).select_related("repository__namespace").order_by("-pk")[:MOST_TOLD]
    newest: dict[tuple[int, str], TagMove] = {}
    for move in moves:
        newest.setdefault((move.repository_id, move.tag), move)
    if not newest:
        return []
    tags = Tag.objects.filter(repository__in={pk for pk, _ in newest}, name__in={tag for _, tag in newest})
    now = {(pk, name): at for pk, name, at in tags.values_list("repository_id", "name", "digest")}
    return [
        PromotedTo(move.repository, move.tag, move.at, move.by, now.get(key) == move.to_digest)
        for key, move in newest.items()
    ]


def visible_origins(request: HttpRequest, origins: Iterable[Origin | None]) -> dict[int, str]:
    """The addresses of the repositories that images came from, by id, as far as the person may see them."""
    wanted = {origin.repository_id for origin in origins if origin is not None and origin.repository_id}
    if not wanted:
        return {}
    rows = Repository.objects.visible_to(request.user).filter(pk__in=wanted).select_related("namespace")
    return {row.pk: row.get_absolute_url() for row in rows}


@dataclass(frozen=True, slots=True)
class ShownOrigin:
    """For `builds/_tag_made_by.html`: where an image came from; `url` is "" where the person sees nothing there."""

    path: str
    build_number: int | None
    url: str


def shown_origins(request: HttpRequest, origins: dict[Any, Origin]) -> dict[Any, ShownOrigin]:
    """With links to the builds that made them, by the same keys. One query, none where there is nothing to show."""
    seen = visible_origins(request, origins.values())
    return {key: _shown(origin, seen.get(origin.repository_id or 0, "")) for key, origin in origins.items()}


def _shown(origin: Origin, url: str) -> ShownOrigin:
    if url and origin.build_number:
        url = reverse("build", args=[*origin.path.split("/", 1), origin.build_number])
    return ShownOrigin(origin.path, origin.build_number, url)
