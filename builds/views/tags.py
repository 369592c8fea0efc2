"""Tags of a repository: where each points now, and where it pointed before."""

from __future__ import annotations

from collections.abc import Iterable

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from builds.models import Build
from builds.views.lookup import find_repository
from builds.views.sizes import size_trends
from registry.core.manifest import is_digest
from registry.models import Repository, Tag, TagMove

PAGE = 50


@require_safe
def tags(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Floating tags; with `?kind=build` the builds' own, which never move. `?q=` a digest leads to that image."""
    repository = find_repository(request, namespace, name)
    kind = "build" if request.GET.get("kind") == "build" else "floating"
    search = request.GET.get("q", "").strip()
    if is_digest(search):
        return redirect("image", namespace, name, search)
    rows = Tag.objects.filter(repository=repository)
    rows = rows.filter(name__startswith="build-") if kind == "build" else rows.exclude(name__startswith="build-")
    if search:
        rows = rows.filter(name__icontains=search)
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    makers = _builds(repository, (tag.build_number for tag in page.object_list))
    context = {
        "repository": repository,
        "tab": "tags",
        "kind": kind,
        "search": search,
        "page": page,
        "rows": [(tag, makers.get(tag.build_number or 0)) for tag in page.object_list],
    }
    part = request.GET.get("part") == "rows"
    return render(request, "builds/_tag_rows.html" if part else "builds/repository_tags.html", context)


@require_safe
def tag(request: HttpRequest, namespace: str, name: str, tag: str) -> HttpResponse:
    """One tag with its history, newest first, refused moves included."""
    repository = find_repository(request, namespace, name)
    found = Tag.objects.filter(repository=repository, name=tag).first()
    page = Paginator(TagMove.objects.filter(repository=repository, tag=tag), PAGE).get_page(request.GET.get("page"))
    if found is None and not page.object_list:
        raise Http404(f"{repository.path} has no tag {tag}, and never had one.")
    makers = _builds(repository, (move.build_number for move in page.object_list))
    context = {
        "repository": repository,
        "tab": "tags",
        "tag": found,
        "name": tag,
        "page": page,
        "trend": size_trends(repository, [tag])[tag],
        "rows": [(move, makers.get(move.build_number or 0)) for move in page.object_list],
    }
    return render(request, "builds/repository_tag.html", context)


def _builds(repository: Repository, numbers: Iterable[int | None]) -> dict[int, Build]:
    wanted = {number for number in numbers if number}
    found = {build.number: build for build in Build.objects.filter(repository=repository, number__in=wanted)}
    for build in found.values():
        build.repository = repository
    return found
