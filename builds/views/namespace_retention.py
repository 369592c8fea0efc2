"""The default clean-up of a namespace: its policy as a form, and what would go in each repository that follows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Namespace, Role
from accounts.views.lookup import find_namespace, namespace_page, person
from builds.actions.retention_policies import (
    confirm_policy,
    drop_policy,
    first_run_of,
    follows,
    read_policy,
    save_policy,
)
from builds.actions.retention_preview import preview
from builds.forms.retention import SUGGESTED, PolicyForm, form_of, read_form
from builds.views.retention_shown import fingerprint
from lib.refusal import Refused
from registry.core.retention_rules import describe_rule
from registry.models import Repository, RetentionPolicy

LOOKED_AT = 2
"""Repositories whose tags are decided for the page: those with the most."""
MOST_TAGS = 20_000


@dataclass(frozen=True, slots=True)
class Followed:
    """A repository that follows, and how many of its tags would go; None where nobody looked."""

    repository: Repository
    tags: int
    going: int | None


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, name: str) -> HttpResponse:
    """The default with what would go by it."""
    space = find_namespace(request, name, role=Role.ADMIN)
    policy = RetentionPolicy.objects.filter(namespace=space).first()
    if request.method != "POST":
        return _page(request, space, policy, form_of(policy, SUGGESTED).judged())
    do = request.POST.get("do", "")
    form = read_form(request.POST).judged().after(do)
    if do == "save" and form.is_good:
        draft = form.draft()
        seen = request.POST.get("previewed") == fingerprint(draft)
        save_policy(person(request), space, draft, has_seen=seen)
        messages.success(request, f"Saved: repositories of {name} follow it unless they have a clean-up of their own.")
        return redirect("namespace-retention", name)
    return _page(request, space, policy, form, is_dirty=True, status=422 if do == "save" else 200)


def _page(
    request: HttpRequest,
    space: Namespace,
    policy: RetentionPolicy | None,
    form: PolicyForm,
    *,
    is_dirty: bool = False,
    status: int = 200,
) -> HttpResponse:
    read = read_policy(policy)
    context: dict[str, Any] = {
        "policy": policy,
        "sentences": [describe_rule(rule) for rule in read.rules],
        "problem": read.problem,
        "first_run": first_run_of(policy) if policy is not None and policy.rules else None,
        "is_seen": policy is not None and policy.seen_revision == policy.revision,
        "form": form,
        "is_dirty": is_dirty,
        "followed": _followed(space, form) if form.is_good else None,
        "fingerprint": fingerprint(form.draft()) if form.is_good else "",
        "own": Repository.objects.filter(namespace=space).exclude(retention_policy=None).count(),
        "namespace_page": True,
    }
    return render(
        request, "builds/namespace_retention.html", namespace_page(request, space, "retention") | context, status=status
    )


def _followed(space: Namespace, form: PolicyForm) -> list[Followed]:
    """The repositories that follow, those with the most tags first. Some queries for each that is looked at."""
    rows = follows(space).select_related("namespace", "registry").annotate(total=Count("tags"))
    found = list(rows.order_by("-total", "name")[:50])
    policy, looked, shown = form.draft().as_policy(), 0, []
    for position, repository in enumerate(found):
        going = None
        if position < LOOKED_AT and looked + repository.total <= MOST_TAGS:
            looked += repository.total
            going = len(preview(repository, policy).going) if repository.total else 0
        shown.append(Followed(repository, repository.total, going))
    return shown


@login_required
@require_POST
def act(request: HttpRequest, name: str) -> HttpResponse:
    """Confirm what was seen, or have no default any more."""
    space = find_namespace(request, name, role=Role.ADMIN)
    policy = RetentionPolicy.objects.filter(namespace=space).first()
    revision = request.POST.get("revision", "")
    number = int(revision[:9]) if revision.isascii() and revision.isdigit() else 0
    try:
        if request.POST.get("do") == "drop":
            drop_policy(person(request), space)
        elif request.POST.get("do") == "confirm" and policy is not None:
            confirm_policy(person(request), policy, number)
    except Refused as refused:
        messages.warning(request, refused.sentence)
    return redirect("namespace-retention", name)
