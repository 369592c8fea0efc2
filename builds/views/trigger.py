"""Build now: a branch, tag or commit by hand, with the verdict of every rule before anything starts."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Role
from builds.actions import NothingMatches, known_of, trigger_builds
from builds.core.plan import evaluate
from builds.core.rules import describe_rule
from builds.forms import TriggerForm
from builds.models import Source
from builds.reading import rules_of
from builds.views.lookup import find_repository, find_source, person
from lib.humanize import plural
from lib.refusal import Refused
from registry.models import Repository

REFS_OFFERED = 500


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def trigger(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """The form with its verdicts; a POST starts the builds."""
    repository = find_repository(request, namespace, name, role=Role.WRITE)
    source = find_source(repository)
    if source is None:
        messages.warning(request, "Link a Git repository first: there is nothing to build yet.")
        return redirect("repository-setup", namespace, name)
    if request.method != "POST":
        return _page(request, repository, source, _first_form(request, source))
    form = TriggerForm(request.POST)
    if not form.is_valid():
        return _page(request, repository, source, form, status=422)
    try:
        builds = trigger_builds(person(request), source, form.chosen, form.cleaned_data["commit"])
    except Refused as refused:
        form.add_error(None, refused.sentence)
        status = 422 if isinstance(refused, NothingMatches) else 409
        return _page(request, repository, source, form, status=status)
    if len(builds) == 1:
        return redirect("build", namespace, name, builds[0].number)
    messages.success(request, f"Started {plural(len(builds), 'build')}, one for each rule that matches.")
    return redirect("repository-builds", namespace, name)


@login_required
@require_POST
def verdicts(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """What the rules say of the ref as it is typed."""
    repository = find_repository(request, namespace, name, role=Role.WRITE)
    source = find_source(repository)
    context = {"repository": repository, "source": source}
    if source is not None:
        context |= _verdicts(source, TriggerForm(request.POST))
    return render(request, "builds/_trigger_verdicts.html", context)


def _first_form(request: HttpRequest, source: Source) -> TriggerForm:
    """The default branch, or what the address asks for (`?ref_type=tag&ref=v1`): a link from another page."""
    asked = {key: request.GET[key] for key in ("ref_type", "ref", "commit") if key in request.GET}
    default = source.default_branch or _branch_of_first_rule(source)
    return TriggerForm({"ref_type": "branch", "ref": default, "commit": "", **asked})


def _branch_of_first_rule(source: Source) -> str:
    exact = (r.pattern for r in source.rules.all() if r.ref_type == "branch" and not r.pattern.startswith("/"))
    return next(exact, "main")


def _verdicts(source: Source, form: TriggerForm) -> dict[str, Any]:
    rules = rules_of(source)
    if not form.is_valid():
        return {"verdicts": [], "has_rules": bool(rules), "form_errors": form.errors}
    commit, known = form.cleaned_data["commit"], known_of(source, rules)
    found = evaluate(form.chosen, rules, commit=commit, manual=True, known=known)
    return {
        "verdicts": [(describe_rule(rule), verdict) for rule, verdict in zip(rules, found, strict=True)],
        "will_build": sum(verdict.builds for verdict in found),
        "has_rules": bool(rules),
        "known_commit": _known_commit(source, form),
    }


def _known_commit(source: Source, form: TriggerForm) -> str:
    """What the ref pointed to when a worker last looked."""
    ref = form.chosen
    rows = (str(row.get("commit", "")) for row in source.refs if (row["type"], row["name"]) == (ref.type, ref.name))
    return next(rows, "")


def _page(
    request: HttpRequest, repository: Repository, source: Source, form: TriggerForm, *, status: int = 200
) -> HttpResponse:
    context = {
        "repository": repository,
        "tab": "trigger",
        "source": source,
        "form": form,
        "refs": source.refs[:REFS_OFFERED],
        **_verdicts(source, form),
    }
    return render(request, "builds/repository_trigger.html", context, status=status)
