"""Choosing a tag for an image: which one, and of which repository. The next page says what moves, and asks."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from builds.actions.origins import tag_place
from builds.actions.tag_orders import Target, check_tag, find_elsewhere, find_target
from builds.models import Build
from builds.views.lookup import access_to, find_repository
from builds.views.promotions import choices, target_of, writes_somewhere
from lib.refusal import Refused
from registry.models import Repository, Tag

SUGGESTED = 50


@login_required
@require_safe
def of_build(request: HttpRequest, namespace: str, name: str, number: int) -> HttpResponse:
    """“Put a tag on build #41”: which one, and of which repository."""
    repository = _repository(request, namespace, name)
    build = Build.objects.filter(repository=repository, number=min(number, 2**31 - 1)).first()
    if build is None:
        raise Http404(f"{repository.path} has no build #{number}.")
    build.repository = repository
    context = {"tab": "builds", "build": build, "leave": build.get_absolute_url(), "can_ask": bool(build.digest)}
    return _choose(request, repository, {"build": build.number}, context)


@login_required
@require_safe
def of_tag(request: HttpRequest, namespace: str, name: str, tag: str) -> HttpResponse:
    """“Promote latest”: the image that a tag points to now, into another repository."""
    repository = _repository(request, namespace, name)
    found = Tag.objects.filter(repository=repository, name=tag).first()
    if found is None:
        raise Http404(f"{repository.path} has no tag {tag[:128]}.")
    leave = reverse("repository-tag", args=[namespace, name, tag])
    context = {"tab": "tags", "of_tag": found, "place": tag_place(found), "leave": leave, "can_ask": True}
    return _choose(request, repository, {"digest": found.digest}, context)


def _repository(request: HttpRequest, namespace: str, name: str) -> Repository:
    repository = find_repository(request, namespace, name)
    if not writes_somewhere(request):
        raise PermissionDenied(
            f"You need the write role in {namespace}, or in the namespace of another repository, to put a tag on an "
            f"image. Ask an owner of {namespace} for it."
        )
    return repository


def _choose(
    request: HttpRequest, repository: Repository, image: dict[str, Any], context: dict[str, Any]
) -> HttpResponse:
    """`image` names it: `build` or `digest`."""
    tag, path = request.GET.get("tag", "").strip(), request.GET.get("repository", "").strip()
    problem = ""
    try:
        find_target(repository, **image)
        if tag:
            return redirect(_confirm_url(request, repository, image, tag, path or repository.path))
    except Refused as refused:
        problem = refused.sentence
    is_mine = access_to(request, repository).can_write
    context |= {
        "repository": repository,
        "tag": tag or (context["of_tag"].name if "of_tag" in context else ""),
        "path": path or (repository.path if is_mine and "build" in context else ""),
        "problem": problem,
        "choices": choices(request),
        "rows": list(Tag.objects.filter(repository=repository).floating().order_by("-pushed_at")[:SUGGESTED]),
    }
    return render(request, "builds/tag_choose.html", context, status=422 if problem else 200)


def _confirm_url(request: HttpRequest, repository: Repository, image: dict[str, Any], tag: str, path: str) -> str:
    """Where the move is confirmed, at the repository that gets the tag. Raises Refused where it cannot be put."""
    target = target_of(request, path)
    found: Target = find_elsewhere(target, repository, **image)
    check_tag(target, tag, found)
    query = image if found.source is None else {"from": repository.path, **image}
    return f"{reverse('tag-move', args=[*target.path.split('/'), tag])}?{urlencode(query)}"
