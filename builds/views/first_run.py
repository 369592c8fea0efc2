"""From an empty page to the first image: name, source, rules, webhook, build. One page that knows how far it is."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.models import Namespace, Role
from builds.forms import RepositoryForm, RulesForm, SourceForm
from builds.models import Build, Source
from builds.views.lookup import find_repository, find_source, person
from builds.views.playground import effects
from builds.views.source import save_link, source_facts
from lib.refusal import Refused
from registry.actions import create_repository
from registry.models import Repository

STEPS = ("name", "source", "rules", "webhook", "build")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Step 1: the name."""
    own = list(Namespace.objects.with_role(request.user, Role.WRITE).values_list("name", flat=True)[:200])
    if request.method != "POST":
        asked = request.GET.get("namespace", "")
        first = asked if asked in own else own[0] if own else request.user.get_username().lower()
        return _new_page(request, RepositoryForm(initial={"namespace": first}), own)
    form = RepositoryForm(request.POST)
    if not form.is_valid():
        return _new_page(request, form, own, status=422)
    try:
        repository = create_repository(person(request), **form.cleaned_data)
    except Refused as refused:
        form.add_error(None, refused.sentence)
        return _new_page(request, form, own, status=422)
    return redirect("repository-setup", repository.namespace.name, repository.name)


def _new_page(request: HttpRequest, form: RepositoryForm, own: list[str], *, status: int = 200) -> HttpResponse:
    context = {"form": form, "namespaces": own, "registry_host": settings.REGISTRY_HOST}
    return render(request, "builds/first_run_new.html", context, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def setup(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Steps 2 to 5; a POST links the source. `?step=` opens a step again, `?part=webhook` asks whether it is heard."""
    role = Role.ADMIN if request.method == "POST" else Role.WRITE
    repository = find_repository(request, namespace, name, role=role)
    form = SourceForm(request.POST) if request.method == "POST" else None
    if form is not None and save_link(request, repository, form):
        return redirect("repository-setup", namespace, name)
    source = find_source(repository)
    part = request.GET.get("part", "")
    if part in ("webhook", "probe"):
        return _news(request, repository, source, part)
    context = _context(request, repository, source)
    context["source_form"] = form or SourceForm.of(source)
    return render(request, "builds/first_run.html", context, status=422 if form else 200)


def _news(request: HttpRequest, repository: Repository, source: Source | None, part: str) -> HttpResponse:
    """The one thing the page waits for. In the guide an answer of Git opens the next step, so the page is read anew."""
    context = {"repository": repository, "source": source, "next": request.GET.get("next", "")}
    answer = render(request, f"builds/{'_first_run_contact' if part == 'webhook' else '_source_probe'}.html", context)
    if part == "probe" and context["next"] == "setup" and source is not None and source.probe_state != "asked":
        answer["HX-Refresh"] = "true"
    return answer


def _context(request: HttpRequest, repository: Repository, source: Source | None) -> dict[str, Any]:
    saved = list(source.rules.all()) if source else []
    last = Build.objects.filter(repository=repository).order_by("-number").first()
    done = {"name"} | _done(source, has_rules=bool(saved), has_build=last is not None)
    if last is not None:
        last.repository = repository
    asked = request.GET.get("step", "")
    reachable = {"source"} | ({"rules", "webhook"} if source else set()) | ({"build"} if saved else set())
    current = asked if asked in reachable else _next_step(done)
    context: dict[str, Any] = {
        "repository": repository,
        "tab": "setup",
        "steps": STEPS,
        "done": done,
        "current": current,
        "last": last,
        "saved_rules": saved,
        "next": "setup",
        **source_facts(request, source, shows_secret=current == "webhook"),
    }
    if source is not None:
        form = RulesForm.of(saved) if saved else RulesForm([]).rearranged("add")
        context |= {"form": form, **effects(source, form)}
    return context


def _done(source: Source | None, *, has_rules: bool, has_build: bool) -> set[str]:
    checks = {
        "source": source is not None and source.probe_state == "good",
        "rules": has_rules,
        "webhook": source is not None and source.connected_at is not None,
        "build": has_build,
    }
    return {step for step, is_done in checks.items() if is_done}


def _next_step(done: set[str]) -> str:
    """The first open step; a webhook is worth having but does not stand in the way of the first image."""
    return next((step for step in STEPS if step not in done), "build")
