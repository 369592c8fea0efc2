"""The page of a repository's triggers: its tokens, the lines that call them, and what the last calls came to."""

from __future__ import annotations

import json
import shlex
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Role
from builds.models import Source
from builds.views.lookup import find_repository, find_source, person
from lib import shown_once
from lib.refusal import Refused
from registry.models import Repository
from webhooks.actions.triggers import create_trigger, revoke_trigger
from webhooks.models import TriggerCall, TriggerToken
from webhooks.views.pages import builds_of

CALLS_SHOWN = 20
_VARIABLE = '"$IMAGEYARD_TRIGGER"'


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def triggers(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """The page; a POST makes a token, whose address the page then shows once."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    source = find_source(repository)
    if request.method != "POST" or source is None:
        return _page(request, repository, source)
    try:
        token, secret = create_trigger(person(request), source, request.POST.get("name", "").replace("\0", ""))
    except Refused as refused:
        return _page(request, repository, source, problem=refused.sentence, status=422)
    shown_once.keep(request, f"trigger:{source.pk}", f"{token.pk} {secret}")
    return redirect("settings-triggers", namespace, name)


@login_required
@require_POST
def revoke(request: HttpRequest, namespace: str, name: str, token_id: str) -> HttpResponse:
    """End a token."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    token = TriggerToken.objects.filter(source__repository=repository, pk=token_id).first()
    if token is None:
        raise Http404(f"{repository.path} has no such trigger token.")
    revoke_trigger(person(request), token)
    messages.success(request, f"“{token.name}” is revoked: its address answers 404 from now on.")
    return redirect("settings-triggers", namespace, name)


def _page(
    request: HttpRequest, repository: Repository, source: Source | None, *, problem: str = "", status: int = 200
) -> HttpResponse:
    made, _, secret = shown_once.take(request, f"trigger:{source.pk}").partition(" ") if source else ("", "", "")
    calls = list(_calls(source)) if source else []
    builds = builds_of(calls)
    context = {
        "repository": repository,
        "tab": "settings",
        "source": source,
        "tokens": list(TriggerToken.objects.filter(source=source, revoked_at=None).select_related("created_by")),
        "made": made,
        "address": trigger_url(secret) if secret else "",
        "lines": curl_lines(source, shlex.quote(trigger_url(secret)) if secret else _VARIABLE) if source else [],
        "calls": [(call, builds[call.pk]) for call in calls],
        "limit": settings.TRIGGER_CALLS_PER_MINUTE,
        "typed": request.POST.get("name", ""),
        "problem": problem,
    }
    response = render(request, "webhooks/triggers.html", context, status=status)
    response["Cache-Control"] = "private, no-store"
    return response


def _calls(source: Source) -> Any:
    return TriggerCall.objects.filter(token__source=source).select_related("token")[:CALLS_SHOWN]


def trigger_url(secret: str) -> str:
    """The whole address of a trigger."""
    return f"{settings.PUBLIC_URL}/hooks/trigger/{secret}"


def curl_lines(source: Source, address: str) -> list[tuple[str, str]]:
    """Lines for a shell with what each does; `address` is quoted as the shell needs it."""
    branch = source.default_branch or "main"
    wish = shlex.quote(json.dumps({"ref": branch}, ensure_ascii=False))
    tag = shlex.quote(json.dumps({"ref_type": "tag", "ref": "v1.0"}))
    call = "curl -sS --fail-with-body"
    as_json = "-H 'Content-Type: application/json'"
    return [
        ("What the rules build by themselves: the default branch, and branches they name", f"{call} -X POST {address}"),
        ("One branch", f"{call} {as_json} -d {wish} {address}"),
        ("One tag", f"{call} {as_json} -d {tag} {address}"),
        ("The same as a form", f"{call} --data-urlencode {shlex.quote(f'ref={branch}')} {address}"),
    ]
