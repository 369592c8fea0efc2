"""Moving tags without a build: confirming what moves where, releasing; and which tags never move."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Role
from builds.actions.fixed_tags import fixed_tags_of, set_fixed_tags
from builds.actions.origins import tag_place
from builds.actions.tag_orders import Target, ask_tag, check_tag, find_elsewhere, release_tag
from builds.core.fixed_tags import FixedTags, fixed_problems, read_fixed_tags
from builds.core.promotion_words import shown_words
from builds.core.states import ACTIVE
from builds.models import Build
from builds.views.lookup import find_repository, person
from builds.views.promotions import source_of, what_it_costs
from builds.views.tag_hand import hand_of
from lib.refusal import Refused
from registry.core.manifest import is_digest
from registry.models import Repository, Tag

COVERED = 20
"""Names that are shown of the tags that a pattern covers."""


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def move(request: HttpRequest, namespace: str, name: str, tag: str) -> HttpResponse:
    """What moves from where to where (`?build=` or `?digest=`), and the button that has it done.

    `?from=` names the repository that has the image, where that is another one.
    """
    repository = find_repository(request, namespace, name, role=Role.WRITE)
    try:
        target = _target(request, repository)
        if request.method == "POST":
            hold, seen = request.POST.get("hold") == "on", request.POST.get("seen", "")
            along = request.POST.get("referrers") == "on"
            ask_tag(person(request), repository, tag, target, hold=hold, seen=seen, with_referrers=along)
            return redirect("repository-tag", namespace, name, tag)
        current = check_tag(repository, tag, target)
    except Refused as refused:
        messages.warning(request, refused.sentence)
        is_there = Tag.objects.filter(repository=repository, name=tag).exists()
        return (
            redirect("repository-tag", namespace, name, tag)
            if is_there
            else redirect("repository-tags", namespace, name)
        )
    return render(request, "builds/tag_move.html", _confirm(repository, tag, target, current))


def _confirm(repository: Repository, name: str, target: Target, current: Tag | None) -> dict[str, Any]:
    source, origin = target.source, target.origin
    becomes_public = source is not None and (source.visibility, repository.visibility) == ("private", "public")
    return {
        "repository": repository,
        "tab": "tags",
        "name": name,
        "current": current,
        "target": target,
        "before": tag_place(current),
        "before_build": _found(repository, current.build_number) if current else None,
        "build": _found(source, origin.build_number if origin else None)
        if source
        else _found(repository, target.build_number),
        "source": source,
        "cost": what_it_costs(target, repository),
        "shown": shown_words(source.path, repository.path) if source and becomes_public else "",
        "is_same": current is not None and current.digest == target.digest,
        "holds": current is not None and current.held_since is not None,
        "pattern": fixed_tags_of(repository.pk).pattern_of(name),
        "under_way": _under_way(repository, name),
    }


def _found(repository: Repository, number: int | None) -> Build | None:
    found = Build.objects.filter(repository=repository, number=number).first() if number else None
    if found is not None:
        found.repository = repository
    return found


def _under_way(repository: Repository, tag: str) -> list[int]:
    """The builds that are not over and would put the tag when they succeed."""
    rows = Build.objects.filter(repository=repository, state__in=ACTIVE).order_by("number")
    plans = rows.values_list("number", "plan")[:100]
    return [number for number, plan in plans if any(one.get("name") == tag for one in plan.get("tags", ()))]


def _target(request: HttpRequest, repository: Repository) -> Target:
    asked = request.POST if request.method == "POST" else request.GET
    number, digest, path = (asked.get(name, "") for name in ("build", "digest", "from"))
    source = source_of(request, path) if path else repository
    if number.isascii() and number.isdigit():
        return find_elsewhere(repository, source, build=int(number[:10]))
    if not is_digest(digest):
        raise Refused("Say which build or digest the tag is to point to: choose one in the history of the tag.")
    return find_elsewhere(repository, source, digest=digest)


@require_safe
def hand(request: HttpRequest, namespace: str, name: str, tag: str) -> HttpResponse:
    """The part of a tag's page that tells what people did with it."""
    repository = find_repository(request, namespace, name)
    return render(request, "builds/_tag_hand.html", hand_of(request, repository, tag))


@login_required
@require_POST
def release(request: HttpRequest, namespace: str, name: str, tag: str) -> HttpResponse:
    """Let builds move the tag again."""
    repository = find_repository(request, namespace, name, role=Role.WRITE)
    try:
        release_tag(person(request), repository, tag)
    except Refused as refused:
        messages.warning(request, refused.sentence)
    else:
        messages.success(request, f"`{tag}` is released: the next build of its rule moves it.")
    return redirect("repository-tag", namespace, name, tag)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def fixed(request: HttpRequest, namespace: str, name: str) -> HttpResponseBase:
    """The patterns of tags that never move; `check` shows what they cover and saves nothing."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    if request.method != "POST":
        return _fixed_page(request, repository, fixed_tags_of(repository.pk))
    text = request.POST.get("patterns", "")
    typed = read_fixed_tags(text)
    if "check" in request.POST:
        return _fixed_page(request, repository, typed, text=text, is_checked=True)
    try:
        set_fixed_tags(person(request), repository, text)
    except Refused:
        return _fixed_page(request, repository, typed, text=text, status=422)
    messages.success(request, "Saved. From now on nobody moves the tags that are listed here, not even builds.")
    return redirect("settings-fixed-tags", namespace, name)


def _fixed_page(
    request: HttpRequest,
    repository: Repository,
    typed: FixedTags,
    *,
    text: str | None = None,
    is_checked: bool = False,
    status: int = 200,
) -> HttpResponse:
    problems = fixed_problems(typed)
    names = Tag.objects.filter(repository=repository).order_by("name").values_list("name", flat=True)
    covered = [] if problems else typed.covered(names)
    context = {
        "repository": repository,
        "tab": "settings",
        "text": "\n".join(one.text for one in typed.patterns) if text is None else text,
        "problems": problems,
        "is_checked": is_checked,
        "rows": [(pattern, tags[:COVERED], len(tags), len(tags) - COVERED) for pattern, tags in covered],
    }
    return render(request, "builds/repository_fixed_tags.html", context, status=status)
