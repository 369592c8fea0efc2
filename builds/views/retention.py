"""The clean-up of a repository: its policy as a form, what would go beside it, its runs with their reports."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Role
from builds.actions.retention_policies import (
    confirm_policy,
    drop_policy,
    first_run_of,
    read_policy,
    save_policy,
)
from builds.actions.retention_preview import preview
from builds.actions.retention_runs import ask_run
from builds.forms.retention import SUGGESTED, PolicyForm, form_of, read_form
from builds.views.lookup import find_repository, person
from builds.views.retention_shown import ShownPreview, counted_states, fingerprint, shown_preview
from lib.refusal import Refused
from registry.core.retention_rules import describe_rule
from registry.models import Repository, RetentionPolicy, RetentionRun, TagDeletion

RUNS_SHOWN = 10
LINES = 100


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """The policy in force with what would go by it; a form that saves one of the repository's own."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    policy = RetentionPolicy.objects.in_force(repository)
    if request.method != "POST":
        return _page(request, repository, policy, form_of(policy, SUGGESTED).judged())
    do = request.POST.get("do", "")
    form = read_form(request.POST).judged().after(do)
    if do == "save" and form.is_good:
        draft = form.draft()
        seen = request.POST.get("previewed") == fingerprint(draft)
        save_policy(person(request), repository, draft, has_seen=seen)
        messages.success(request, "Saved. What goes by it is listed here." if seen else "Saved. Look at what would go.")
        return redirect("settings-retention", namespace, name)
    status = 422 if do == "save" else 200
    return _page(request, repository, policy, form, is_dirty=True, status=status)


def _page(
    request: HttpRequest,
    repository: Repository,
    policy: RetentionPolicy | None,
    form: PolicyForm,
    *,
    is_dirty: bool = False,
    status: int = 200,
) -> HttpResponse:
    is_own = policy is not None and policy.repository_id is not None
    context = {
        "repository": repository,
        "tab": "settings",
        "policy": policy,
        "is_own": is_own,
        "sentences": [describe_rule(rule) for rule in read_policy(policy).rules],
        "problem": read_policy(policy).problem,
        "first_run": first_run_of(policy) if policy is not None and policy.rules else None,
        "is_seen": policy is not None and policy.seen_revision == policy.revision,
        "form": form,
        "is_dirty": is_dirty,
        "preview": _preview(request, repository, form),
        "runs": _runs(repository),
    }
    return render(request, "builds/repository_retention.html", context, status=status)


@login_required
@require_POST
def try_out(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """What would go by the form as it stands: the part of the page beside it."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    form = read_form(request.POST).judged()
    context = {"repository": repository, "form": form, "preview": _preview(request, repository, form), "is_live": True}
    return render(request, "builds/_retention_preview.html", context)


def _preview(request: HttpRequest, repository: Repository, form: PolicyForm) -> ShownPreview | None:
    """None where there is something to mend in the form."""
    if not form.is_good:
        return None
    draft = form.draft()
    return shown_preview(preview(repository, draft.as_policy()), request.POST, fingerprint(draft))


@login_required
@require_POST
def act(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """What else the page does: confirm what was seen, run now, look, or follow the namespace again."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    policy = RetentionPolicy.objects.in_force(repository)
    revision = request.POST.get("revision", "")
    number = int(revision[:9]) if revision.isascii() and revision.isdigit() else 0
    try:
        _act(person(request), repository, policy, request.POST.get("do", ""), number)
    except Refused as refused:
        messages.warning(request, refused.sentence)
    return redirect("settings-retention", namespace, name)


def _act(actor: Any, repository: Repository, policy: RetentionPolicy | None, do: str, revision: int) -> None:
    if do == "drop":
        drop_policy(actor, repository)
    elif do in ("run", "look"):
        ask_run(actor, repository, is_dry=do == "look", revision=revision)
    elif do == "confirm" and policy is not None and policy.repository_id is not None:
        confirm_policy(actor, policy, revision)


@login_required
@require_safe
def runs(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """The part of the page with the last runs."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    context = {"repository": repository, "runs": _runs(repository)}
    return render(request, "builds/_retention_runs.html", context)


def _runs(repository: Repository) -> list[tuple[RetentionRun, dict[str, int]]]:
    """The newest runs, each with what became of its tags. Two queries."""
    found = list(RetentionRun.objects.filter(repository=repository)[:RUNS_SHOWN])
    states = counted_states(found)
    return [(run, states.get(run.pk, {})) for run in found]


@login_required
@require_safe
def report(request: HttpRequest, namespace: str, name: str, run_id: int) -> HttpResponse:
    """One run: why tags went and stayed, counted, and a line for each that was to go. `?state=`, `?q=`."""
    repository = find_repository(request, namespace, name, role=Role.READ)
    run = RetentionRun.objects.filter(repository=repository, pk=min(run_id, 2**62)).first()
    if run is None:
        raise Http404(f"{repository.path} has no such clean-up, or its report is too old to be kept.")
    search, state = request.GET.get("q", "").strip()[:128], request.GET.get("state", "")
    rows = TagDeletion.objects.filter(run=run).order_by("pk")
    if search:
        rows = rows.filter(tag__icontains=search)
    if state in TagDeletion.State.values:
        rows = rows.filter(state=state)
    states = counted_states([run]).get(run.pk, {})
    context = {
        "repository": repository,
        "tab": "settings",
        "run": run,
        "states": [(word, states[word], word == state) for word in TagDeletion.State.values if word in states],
        "gone": [(why, count) for goes, why, count in run.reasons if goes],
        "stayed": [(why, count) for goes, why, count in run.reasons if not goes],
        "done": sum(states.get(word, 0) for word in ("done", "left", "failed")),
        "search": search,
        "state": state,
        "page": Paginator(rows, LINES).get_page(request.GET.get("page")),
    }
    is_part = request.GET.get("part") == "report"
    return render(request, "builds/_retention_report.html" if is_part else "builds/retention_run.html", context)
