"""The rules of a repository, edited in place, with the tester beside them. Nothing is judged here but by the core."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Role
from builds.actions import RulesRefused, request_probe, save_rules
from builds.actions.rules import ExamplesBroken
from builds.forms import RulesForm
from builds.models import Source
from builds.views.lookup import access_to, find_repository, find_source, person
from builds.views.playground import Asked, effects
from lib.humanize import plural
from lib.refusal import Refused
from registry.models import Repository


@require_http_methods(["GET", "HEAD", "POST"])
def rules(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """The table; a POST saves all rows or none, or rearranges them without saving (`do`)."""
    role = Role.WRITE if request.method == "POST" else None
    repository = find_repository(request, namespace, name, role=role)
    source = find_source(repository)
    if source is None:
        return render(request, "builds/repository_rules.html", {"repository": repository, "tab": "rules"})
    if request.method != "POST":
        saved = list(source.rules.all())
        can_write = access_to(request, repository).can_write
        form = RulesForm.of(saved)
        form = form.rearranged("add") if not saved and can_write else form
        return _page(request, repository, source, form)
    return _change(request, repository, source)


def _change(request: HttpRequest, repository: Repository, source: Source) -> HttpResponse:
    form, wish = RulesForm.typed(request.POST), request.POST.get("do", "save")
    if not wish.startswith("save"):
        form = form.rearranged(wish)
        if wish == "look":
            request_probe(source)
        if wish in ("try", "look") or wish.startswith("page-"):
            form.check()
        return _page(request, repository, source, form)
    if not form.check():
        return _page(request, repository, source, form, status=422)
    try:
        saved = save_rules(person(request), source, form.drafts, force=wish == "save-anyway")
    except ExamplesBroken as refused:
        return _page(request, repository, source, form, broken=sorted(refused.problems), status=422)
    except RulesRefused as refused:
        for place, problems in refused.problems.items():
            form.rows[place].show(problems)
        return _page(request, repository, source, form, status=422)
    except Refused as refused:
        messages.error(request, refused.sentence)
        return redirect("repository-rules", *_path(repository))
    messages.success(request, f"Saved: {plural(len(saved), 'rule')}. The next push is judged by them.")
    return redirect(
        "repository-setup" if request.POST.get("next") == "setup" else "repository-rules", *_path(repository)
    )


def _page(
    request: HttpRequest,
    repository: Repository,
    source: Source,
    form: RulesForm,
    *,
    broken: Sequence[int] = (),
    status: int = 200,
) -> HttpResponse:
    """`broken` are the places, from 0, of rules that do not keep their examples."""
    fields: QueryDict = request.POST if request.method == "POST" else request.GET
    context = {
        "repository": repository,
        "tab": "rules",
        "source": source,
        "form": form,
        "is_dirty": request.method == "POST",
        "broken": [(place + 1, form.rows[place]) for place in broken],
        "next": request.POST.get("next", ""),
        **effects(source, form, Asked.of(fields)),
    }
    is_fragment = request.headers.get("HX-Request") == "true" and not fields.get("do", "save").startswith("save")
    template = "builds/_rules_editor.html" if is_fragment else "builds/repository_rules.html"
    return render(request, template, context, status=status)


@login_required
@require_POST
def try_rules(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """The playground's answer to the rules as they are typed: refs with their tags, and the problems of every field.

    With `do` a worker is asked to look at the refs again (`look`), or a ref becomes an example (`example-tag v1`).
    """
    repository = find_repository(request, namespace, name, role=Role.WRITE)
    source = find_source(repository)
    form, wish = RulesForm.typed(request.POST), request.POST.get("do", "")
    if wish == "look" and source is not None:
        request_probe(source)
    if wish.startswith("example-"):
        form = form.rearranged(wish)
    form.check()
    context = {
        "repository": repository,
        "source": source,
        "form": form,
        "is_live": True,
        "is_kept": wish.startswith("example-"),
        **effects(source, form, Asked.of(request.POST)),
    }
    return render(request, "builds/_rules_tester.html", context)


def _path(repository: Repository) -> tuple[str, str]:
    return repository.namespace.name, repository.name
