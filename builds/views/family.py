"""The family of a repository: what its images stand on, what stands on them, and what happens when a base moves."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Role
from builds.actions.bases import look_now, switch_rebuilds
from builds.core.bases import layered, upstream_of
from builds.models import BaseImage, BaseUse, Rebuild, Source
from builds.views.lookup import find_repository, find_source, person
from lib.humanize import plural
from registry.models import Repository

# The picture's own units, which the browser scales: a box, and the room from one to the next.
BOX_W, BOX_H, STEP_X, STEP_Y = 200, 44, 260, 64
MOST_BOXES = 60
MOST_REBUILDS = 10


@dataclass(frozen=True, slots=True)
class Box:
    """One image in the picture. `kind` is own, family or outside; `note` a second line."""

    title: str
    note: str
    url: str
    kind: str
    x: int
    y: int


@require_safe
def family(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """The picture, the bases with what is known of each, and the rebuilds that their moves asked for."""
    repository = find_repository(request, namespace, name)
    source = find_source(repository)
    uses = list(
        BaseUse.objects.filter(rule__source__repository=repository)
        .select_related("base", "rule", "build")
        .order_by("pk")
    )
    rebuilds = Rebuild.objects.filter(rule__source__repository=repository).select_related("base", "build")
    context = {
        "repository": repository,
        "tab": "family",
        "source": source,
        "bases": _bases(uses),
        "rebuilds": rebuilds[:MOST_REBUILDS],
        **picture(repository, Repository.objects.visible_to(request.user)),
    }
    part = request.GET.get("part") == "rows"
    return render(request, "builds/_family.html" if part else "builds/repository_family.html", context)


def _bases(uses: list[BaseUse]) -> list[tuple[BaseImage, list[BaseUse], bool]]:
    """Each base once, with the refs that stand on it and whether all of them have what it points to now."""
    by_base: dict[int, list[BaseUse]] = defaultdict(list)
    for use in uses:
        by_base[use.base_id].append(use)
    return [(found[0].base, found, all(use.digest == use.base.digest for use in found)) for found in by_base.values()]


def picture(repository: Repository, visible: Any) -> dict[str, Any]:
    """Boxes and lines of all that `repository` stands on and all that stands on it, as far as one may see it."""
    sources, images = _graph(visible)
    users: dict[str, set[str]] = defaultdict(set)
    for user, bases in sources.items():
        for base in bases:
            users[base].add(user)
    me = repository.path
    wanted = {me} | upstream_of(me, sources) | upstream_of(me, users)
    nodes = [node for node in dict.fromkeys([me, *sorted(wanted)]) if node in wanted][:MOST_BOXES]
    places = {
        node: (column * STEP_X, row * STEP_Y)
        for column, members in enumerate(layered(nodes, sources))
        for row, node in enumerate(sorted(members))
    }
    boxes = [_box(node, images.get(node), me, *places[node]) for node in nodes]
    lines = [
        _line(places[base], places[node])
        for node in nodes
        for base in sorted(sources.get(node, ()))
        if base in places and base != node
    ]
    return {
        "boxes": boxes,
        "lines": lines,
        "left_out": max(0, len(wanted) - MOST_BOXES),
        "width": max((box.x for box in boxes), default=0) + BOX_W,
        "height": max((box.y for box in boxes), default=0) + BOX_H,
    }


def _graph(visible: Any) -> tuple[dict[str, set[str]], dict[str, Repository | BaseImage]]:
    """Who is built from what. Images of our own are known by their repository's path, others by their full name."""
    repositories = list(visible.select_related("namespace", "registry").filter(source__rules__base_uses__isnull=False))
    owners = {one.image: one for one in visible.select_related("namespace", "registry").filter(tags__name__in=_tags())}
    nodes: dict[str, Repository | BaseImage] = {one.path: one for one in [*owners.values(), *repositories]}
    sources: dict[str, set[str]] = defaultdict(set)
    uses = BaseUse.objects.filter(rule__source__repository__in=visible).select_related(
        "base", "rule__source__repository__namespace"
    )
    for use in uses:
        owner = owners.get(f"{use.base.host}/{use.base.path}")
        node = owner.path if owner else use.base.name
        nodes.setdefault(node, use.base)
        sources[use.rule.source.repository.path].add(node)
    return sources, nodes


def _tags() -> Any:
    return BaseImage.objects.values("tag")


def _box(node: str, image: Repository | BaseImage | None, me: str, x: int, y: int) -> Box:
    if isinstance(image, BaseImage):
        return Box(image.shown, "outside", "", "outside", x, y)
    url = image.get_absolute_url() if image else ""
    return Box(node, "this repository" if node == me else "", url, "own" if node == me else "family", x, y)


def _line(start: tuple[int, int], end: tuple[int, int]) -> str:
    """The path of a curve from the right of one box to the left of another."""
    x1, y1, x2, y2 = start[0] + BOX_W, start[1] + BOX_H // 2, end[0], end[1] + BOX_H // 2
    bend = max(30, abs(x2 - x1) // 2)
    # A line past other boxes runs between their rows, where it can be seen.
    dip = STEP_Y * 2 // 3 if x2 - x1 > STEP_X and y1 == y2 else 0
    return f"M{x1} {y1} C{x1 + bend} {y1 + dip} {x2 - bend} {y2 + dip} {x2} {y2}"


@login_required
@require_POST
def switch(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Build anew when a base image moves, or do not."""
    source = _source(request, namespace, name)
    on = request.POST.get("on") == "1"
    switch_rebuilds(person(request), source, on=on)
    sentence = "A push of a base image builds this repository anew." if on else "Base images that move build nothing."
    messages.success(request, sentence)
    return redirect("repository-family", namespace, name)


@login_required
@require_POST
def look(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Ask the registries now."""
    source = _source(request, namespace, name)
    count = BaseImage.objects.filter(uses__rule__source=source).distinct().count()
    look_now(source)
    messages.success(request, f"{plural(count, 'base image')} will be looked at within seconds.")
    return redirect("repository-family", namespace, name)


def _source(request: HttpRequest, namespace: str, name: str) -> Source:
    source = find_source(find_repository(request, namespace, name, role=Role.WRITE))
    if source is None:
        raise Http404(f"{namespace}/{name} has no source yet.")
    return source
