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
from builds.reading import SAID, sentences_of
from builds.views.alike import came_back, is_key
from builds.views.history import history_of, narrowed
from builds.views.lookup import access_to, find_repository, find_source
from builds.views.sizes import size_trends
from builds.views.skipped import STATE as SKIPPED
from builds.views.skipped import newest_skip, rows_with_skips
from builds.views.storage_card import storage_of
from registry.models import Repository, Tag

PAGE = 30
TAGS_SHOWN = 6
_ENDED = tuple(s.value for s in State if s not in ACTIVE)


@require_safe
def overview(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """The page, or with `?part=tags` the column that says where tags point, with `?part=history` how builds went."""
    repository = find_repository(request, namespace, name)
    context: dict[str, Any] = {"repository": repository, "tab": "overview", "has_form": True}
    part = request.GET.get("part")
    if part != "tags":
        context["history"] = history_of(repository, request.GET.get("of", ""))
    if part == "history":
        return render(request, "builds/_history.html", context)
    context |= _tags_and_builds(repository)
    context["storage"] = storage_of(request, repository)
    source = context["source"] = find_source(repository)
    if part == "tags":
        return render(request, "builds/_overview_side.html", context)
    if source is not None:
        context["forge_url"] = files_page(source.forge, source.clone_url, source.default_branch)
    if source is None or not context["last"]:
        context["setup_open"] = access_to(request, repository).can_write
    return render(request, "builds/repository_overview.html", context)


def _tags_and_builds(repository: Repository) -> dict[str, Any]:
    tags = list(Tag.objects.filter(repository=repository).floating().order_by("-pushed_at")[:TAGS_SHOWN])
    numbers = [tag.build_number for tag in tags if tag.build_number]
    makers = {build.number: build for build in Build.objects.filter(repository=repository, number__in=numbers)}
    last = Build.objects.filter(repository=repository).select_related("superseded_by").order_by("-number").first()
    for build in (*makers.values(), *([last] if last else [])):
        build.repository = repository
    trends = size_trends(repository, [tag.name for tag in tags])
    rows = [(tag, makers.get(tag.build_number or 0), trends[tag.name]) for tag in tags]
    skip = newest_skip(repository, last)
    return {"tag_rows": rows, "last": last, "skip": skip, "sentence": sentences_of([last])[last.pk] if last else ""}


@require_safe
def builds(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Builds, newest first, by state, ref and rule. Paged by number, so that page 1,000 costs what page 1 does."""
    repository = find_repository(request, namespace, name)
    if request.GET.get("part") == "history":
        return render(request, "builds/_history.html", _history(request, repository))
    rows, is_filtered = _filtered(request, repository)
    before, part = request.GET.get("before", ""), request.GET.get("part") == "rows"
    if before.isascii() and before.isdigit():
        rows = rows.filter(number__lt=min(int(before), 2**31 - 1))
    found = list(rows[: PAGE + 1])
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
        "came_back": came_back(repository) if not (is_filtered or before or part) else None,
        "states": [
            ("active", "under way"),
            *((s.value, s.value) for s in State if s not in ACTIVE),
            (SKIPPED, SKIPPED),
        ],
    }
    if request.GET.get("part") == "rows":
        return render(request, "builds/_build_rows.html", context)
    return render(request, "builds/repository_builds.html", context | _history(request, repository))


# What a row shows beside its sentence.
_LISTED = (
    "repository_id",
    "queued_at",
    "started_at",
    "finished_at",
    "error_kind",
    "ref_type",
    "ref",
    "commit",
    "commit_message",
    "cause",
    "cause_detail",
)


def _history(request: HttpRequest, repository: Repository) -> dict[str, Any]:
    return {"repository": repository, "history": history_of(repository, request.GET.get("of", ""))}


def _filtered(request: HttpRequest, repository: Repository) -> tuple[Any, bool]:
    rows = Build.objects.filter(repository=repository).order_by("-number")
    state, ref, of, failure = (request.GET.get(name, "").strip() for name in ("state", "ref", "of", "failure"))
    rows = rows.filter(narrowed(of))
    if state == "active":
        rows = rows.filter(state__in=ACTIVE)
    elif state in {s.value for s in State}:
        rows = rows.filter(state=state)
    elif state == SKIPPED:
        rows = rows.exclude(skip_reason="")
    if ref:
        rows = rows.filter(ref__icontains=ref)
    if failure:  # the digest of a failed build links to those that failed alike
        rows = rows.filter(failure_key=failure, state=State.FAILED) if is_key(failure) else rows.none()
    return rows.select_related("superseded_by").only(*_LISTED, *SAID), bool(state or ref or of or failure)
