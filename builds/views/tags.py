"""Tags: the list of those that move and those of builds, and the history of one. Moves nothing: a build does that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from builds.actions.origins import origins_of
from builds.models import Build
from builds.views.lookup import access_to, find_repository
from builds.views.promotions import ShownOrigin, shown_origins
from builds.views.sizes import size_trends
from builds.views.tag_hand import hand_of
from builds.views.tag_list import Together, Wanted, one_for_each_image, select_tags, together
from builds.views.tag_platforms import PlatformSize, platforms_of
from registry.core.manifest import is_digest
from registry.core.origin import Origin
from registry.models import Repository, Tag, TagMove

PAGE = 50
SORTS = (
    ("-date", "newest first"),
    ("date", "oldest first"),
    ("-version", "highest version first"),
    ("version", "lowest version first"),
    ("name", "name, A to Z"),
    ("-name", "name, Z to A"),
    ("-size", "largest first"),
    ("size", "smallest first"),
    ("-pulls", "most pulled first"),
    ("pulls", "least pulled first"),
    ("-pulled", "pulled last first"),
    ("pulled", "longest not pulled first"),
)
KINDS = (("floating", "Tags that move"), ("build", "Build tags"), ("all", "All"))


@dataclass(frozen=True, slots=True)
class Row:
    """A tag, or an image with the tags that point to it; `tag` is the first of these. `build` put the tag there, or the
    image was promoted from `origin`.
    """

    tag: Tag
    build: Build | None
    platforms: tuple[PlatformSize, ...]
    together: Together | None = None
    origin: ShownOrigin | None = None

    @property
    def tags(self) -> tuple[Tag, ...]:
        return self.together.tags if self.together else (self.tag,)


@require_safe
def tags(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Tags that move; `?kind=` build or all, `?sort=`, `?by=image`. `?q=` a digest leads to that image."""
    repository = find_repository(request, namespace, name)
    query = request.GET
    wanted = Wanted.of(query.get("kind", ""), query.get("q", ""), query.get("sort", ""))
    if is_digest(wanted.search):
        return redirect("image", namespace, name, wanted.search)
    is_grouped = query.get("by") == "image"
    found = select_tags(repository, wanted)
    page = Paginator(one_for_each_image(found, wanted) if is_grouped else found, PAGE).get_page(query.get("page"))
    context = {
        "repository": repository,
        "tab": "tags",
        "wanted": wanted,
        "kinds": KINDS,
        "sorts": SORTS,
        "is_grouped": is_grouped,
        "can_delete": access_to(request, repository).can_admin and not is_grouped,
        "is_picking": query.get("pick") == "1" and access_to(request, repository).can_admin and not is_grouped,
        "page": page,
        "rows": _rows(request, repository, list(page.object_list), wanted.kind if is_grouped else ""),
    }
    part = query.get("part") == "rows"
    return render(request, "builds/_tag_rows.html" if part else "builds/repository_tags.html", context)


def _rows(request: HttpRequest, repository: Repository, shown: Sequence[Tag], grouped: str) -> list[Row]:
    """`grouped` is the kind of tags that stand together, "" for a row each. Six queries at most, seven together."""
    makers = builds_of(repository, (tag.build_number for tag in shown))
    platforms = platforms_of(repository, shown)
    groups = together(repository, [tag.digest for tag in shown], grouped) if grouped else {}
    unbuilt = [tag.digest for tag in shown if tag.build_number is None]
    origins = shown_origins(request, origins_of(repository.pk, unbuilt)) if unbuilt else {}
    return [
        Row(
            tag,
            makers.get(tag.build_number or 0),
            platforms.get(tag.digest, ()),
            groups.get(tag.digest),
            None if tag.build_number else origins.get(tag.digest),
        )
        for tag in shown
    ]


@require_safe
def tag(request: HttpRequest, namespace: str, name: str, tag: str) -> HttpResponse:
    """One tag with its history, newest first, refused moves included."""
    repository = find_repository(request, namespace, name)
    found = Tag.objects.filter(repository=repository, name=tag).first()
    page = Paginator(TagMove.objects.filter(repository=repository, tag=tag), PAGE).get_page(request.GET.get("page"))
    hand = hand_of(request, repository, tag)
    if found is None and not page.object_list and hand["order"] is None:
        raise Http404(f"{repository.path} has no tag {tag}, and never had one.")
    makers = builds_of(repository, (move.build_number for move in page.object_list))
    origins = shown_origins(request, {move.pk: _origin(move) for move in page.object_list if move.origin_path})
    context = {
        "repository": repository,
        "tab": "tags",
        "tag": found,
        "name": tag,
        "hand": hand,
        "page": page,
        "others": _others(repository, found) if found else None,
        "platforms": platforms_of(repository, [found]).get(found.digest, ()) if found else (),
        "trend": size_trends(repository, [tag])[tag],
        "rows": [(move, makers.get(move.build_number or 0), origins.get(move.pk)) for move in page.object_list],
    }
    is_part = request.GET.get("part") == "history"
    return render(request, "builds/_tag_history.html" if is_part else "builds/repository_tag.html", context)


def _origin(move: TagMove) -> Origin:
    return Origin(move.origin_path, move.origin_build, move.origin_id)


def _others(repository: Repository, tag: Tag) -> Together | None:
    """The other tags of the same image, None where there are none."""
    found = together(repository, [tag.digest], "all").get(tag.digest)
    if found is None or found.total == 1:
        return None
    return Together(tuple(other for other in found.tags if other.pk != tag.pk), found.total - 1)


def builds_of(repository: Repository, numbers: Iterable[int | None]) -> dict[int, Build]:
    """Builds by number, in one query."""
    wanted = {number for number in numbers if number}
    found = {build.number: build for build in Build.objects.filter(repository=repository, number__in=wanted)}
    for build in found.values():
        build.repository = repository
    return found
