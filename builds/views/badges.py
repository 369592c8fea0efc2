"""Badges of a repository for READMEs elsewhere: state, version and size as SVG, and the page with their addresses."""

from __future__ import annotations

import hashlib

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Role
from builds.core.badge import Tone, draw, size_words, state_words
from builds.core.states import State
from builds.models import Build
from builds.views.lookup import access_to, find_repository, find_source, person
from lib.crypto import is_equal
from lib.versions import parse_version
from registry.actions import badge_token, renew_badge_token
from registry.models import Repository, Tag

KINDS = {"status": "build", "version": "version", "size": "size"}
MOST_TAGS = 5000


@require_safe
def badge(request: HttpRequest, namespace: str, name: str, kind: str) -> HttpResponse:
    """The picture. A private repository's is given to whoever has its token, since a README carries no log-in."""
    if kind not in KINDS:
        raise Http404(f"There is no badge {kind}: there are {', '.join(KINDS)}.")
    repository = _open_repository(request, namespace, name)
    words, tone = _words(repository, kind, request.GET.get("branch", ""), request.GET.get("tag", ""))
    picture = draw(request.GET.get("label", "") or KINDS[kind], words, tone)
    etag = f'"{hashlib.sha256(picture.encode()).hexdigest()[:32]}"'
    # Proxies of forges keep pictures for long unless they are told to ask each time.
    if request.headers.get("If-None-Match") == etag:
        response: HttpResponse = HttpResponseNotModified()
    else:
        response = HttpResponse(picture, content_type="image/svg+xml; charset=utf-8")
    response["ETag"] = etag
    response["Cache-Control"] = "no-cache, max-age=0"
    response["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    return response


def _open_repository(request: HttpRequest, namespace: str, name: str) -> Repository:
    rows = Repository.objects.select_related("namespace", "registry").filter(namespace__name=namespace, name=name)
    found = rows.first()
    if found is not None and is_equal(request.GET.get("token", ""), badge_token(found)):
        return found
    return find_repository(request, namespace, name)


def _words(repository: Repository, kind: str, branch: str, tag: str) -> tuple[str, Tone]:
    if kind == "status":
        return _status(repository, branch)
    if kind == "size":
        row = Tag.objects.filter(repository=repository, name=tag or "latest").first()
        return size_words(row.size_bytes if row else None)
    names = Tag.objects.filter(repository=repository).floating().values_list("name", flat=True)
    versions = [(version, name) for name in names[:MOST_TAGS] if (version := parse_version(name)) and "." in name]
    stable = [pair for pair in versions if pair[0][1]]
    return (max(stable or versions)[1], "plain") if versions else ("none", "unknown")


def _status(repository: Repository, branch: str) -> tuple[str, Tone]:
    source = find_source(repository)
    rows = Build.objects.filter(repository=repository, state__in=[State.SUCCEEDED, State.FAILED], ref_type="branch")
    branch = branch or (source.default_branch if source else "")
    rows = rows.filter(ref=branch) if branch else rows
    newest = rows.order_by("-number").values_list("state", flat=True).first()
    return state_words(newest)


@require_safe
def page(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Each badge with the lines to copy."""
    repository = find_repository(request, namespace, name, role=Role.READ)
    rows = []
    for kind, label in KINDS.items():
        path = reverse("badge", args=[namespace, name, kind])
        query = "" if repository.visibility == Repository.Visibility.PUBLIC else f"?token={badge_token(repository)}"
        address, target = f"{settings.PUBLIC_URL}{path}{query}", f"{settings.PUBLIC_URL}{repository.get_absolute_url()}"
        rows.append(
            {
                "kind": kind,
                "preview": f"{path}{query}",
                "markdown": f"[![{label}]({address})]({target})",
                "html": f'<a href="{target}"><img src="{address}" alt="{label}"></a>',
            }
        )
    context = {
        "repository": repository,
        "tab": "settings",
        "badges": rows,
        "is_private": repository.visibility != "public",
    }
    return render(request, "builds/repository_badges.html", context | {"access": access_to(request, repository)})


@login_required
@require_POST
def renew(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Addresses given away before stop working."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    renew_badge_token(person(request), repository)
    messages.success(request, "The old badge addresses stopped working. Put the new ones where they stood.")
    return redirect("settings-badges", namespace, name)
