"""A repository: its overview (which image do I get, and from what?) and its builds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from builds.core.forge_pages import files_page
from builds.core.states import ACTIVE, State
from builds.models import Build
from builds.reading import sentences_of
from builds.views.lookup import access_to, find_repository, find_source
from builds.views.skipped import STATE as SKIPPED
from builds.views.skipped import newest_skip, rows_with_skips
from registry.models import Repository, Tag

PAGE = 30
TAGS_SHOWN = 6
_ENDED = tuple(s.value for s in State if s not in ACTIVE)


@require_safe
def overview(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """The page, or with `?part=tags` the column that says where tags point."""
    repository = find_repository(request, namespace, name)
    context = {"repository": repository, "tab": "overview", **_tags_and_builds(repository)}
    source = context["source"] = find_source(repository)
    if request.GET.get("part") == "tags":
        return render(request, "builds/_overview_side.html", context)
    if source is not None:
        context["forge_url"] = files_page(source.forge, source.clone_url, source.default_branch)
    if source is None or not context["last"]:
        context["setup_open"] = access_to(request, repository).can_write
    return render(request, "builds/repository_overview.html", context)


def _tags_and_builds(repository: Repository) -> dict[str, Any]:
    tags = list(
        Tag.objects.filter(repository=repository).exclude(name__startswith="build-").order_by("-pushed_at")[:TAGS_SHOWN]
    )
    numbers = [tag.build_number for tag in tags if tag.build_number]
    makers = {build.number: build for build in Build.objects.filter(repository=repository, number__in=numbers)}
    last = Build.objects.filter(repository=repository).select_related("superseded_by").order_by("-number").first()
    for build in (*makers.values(), *([last] if last else [])):
        build.repository = repository
    rows = [(tag, makers.get(tag.build_number or 0)) for tag in tags]
    skip = newest_skip(repository, last)
    return {"tag_rows": rows, "last": last, "skip": skip, "sentence": sentences_of([last])[last.pk] if last else ""}


@require_safe
def builds(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Builds, newest first, by state and ref. Paged by number, so that page 1,000 costs what page 1 does."""
    repository = find_repository(request, namespace, name)
    rows, is_filtered = _filtered(request, repository)
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit():
        rows = rows.filter(number__lt=min(int(before), 2**31 - 1))
    found = list(rows.select_related("superseded_by")[: PAGE + 1])
    shown: Sequence[Build] = found[:PAGE]
    for build in shown:
        build.repository = repository
    sentences = sentences_of(shown)
    context = {
        "repository": repository,
        "tab": "builds",
        "rows": rows_with_skips(
            request,
            repository,
            [(build, sentences[build.pk]) for build in shown],
            before=before,
            has_older=len(found) > PAGE,
        ),
        "older": shown[-1].number if len(found) > PAGE else None,
        "is_first_page": not before,
        "is_filtered": is_filtered,
        "states": [
            ("active", "under way"),
            *((s.value, s.value) for s in State if s not in ACTIVE),
            (SKIPPED, SKIPPED),
        ],
    }
    part = request.GET.get("part") == "rows"
    return render(request, "builds/_build_rows.html" if part else "builds/repository_builds.html", context)


def _filtered(request: HttpRequest, repository: Repository) -> tuple[Any, bool]:
    rows = Build.objects.filter(repository=repository).order_by("-number")
    state, ref = request.GET.get("state", ""), request.GET.get("ref", "").strip()
    if state == "active":
        rows = rows.filter(state__in=ACTIVE)
    elif state in {s.value for s in State}:
        rows = rows.filter(state=state)
    elif state == SKIPPED:
        rows = rows.exclude(skip_reason="")
    if ref:
        rows = rows.filter(ref__icontains=ref)
    return rows.defer("plan", "base_images", "warnings", "publication"), bool(state or ref)
