"""The rules of a repository, edited in place, with the tester beside them. Nothing is judged here but by the core."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Role
from builds.actions import RulesRefused, known_of, save_rules
from builds.core.plan import PlannedTag, Verdict, evaluate, find_collisions
from builds.core.refnames import name_problem
from builds.core.rules import Ref, check_rules
from builds.forms import RulesForm
from builds.models import Source
from builds.views.lookup import access_to, find_repository, find_source, person
from lib.humanize import plural
from lib.refusal import Refused
from registry.models import Repository

TRIED = 200
SHOWN = 40
TYPED = 20
_KINDS = {"branch": "branch", "tag": "tag", "pr": "pull_request", "pull_request": "pull_request"}


@dataclass(frozen=True, slots=True)
class Tried:
    """What the rules make of one ref. `made` pairs each tag with the place of its rule, from 1."""

    ref: Ref
    verdicts: Sequence[Verdict]

    @property
    def is_built(self) -> bool:
        return any(verdict.builds for verdict in self.verdicts)

    @property
    def made(self) -> list[tuple[int, PlannedTag]]:
        return [(place, tag) for place, verdict in enumerate(self.verdicts, 1) for tag in verdict.tags]

    @property
    def pending(self) -> list[tuple[int, str]]:
        return [(place, text) for place, verdict in enumerate(self.verdicts, 1) for text in verdict.pending]

    @property
    def remarks(self) -> list[tuple[int, str]]:
        """What a person should know of rules that match: tags that are not made, autobuild that is off."""
        matching = [(place, verdict) for place, verdict in enumerate(self.verdicts, 1) if verdict.matched]
        off = [(place, verdict.reason) for place, verdict in matching if not verdict.builds and not verdict.problems]
        return off + [(place, text) for place, verdict in matching for text in verdict.problems]


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
        return _page(request, repository, source, form, typed="")
    return _change(request, repository, source)


def _change(request: HttpRequest, repository: Repository, source: Source) -> HttpResponse:
    form, wish = RulesForm.typed(request.POST), request.POST.get("do", "save")
    typed = request.POST.get("refs", "")
    if wish != "save":
        form = form.rearranged(wish)
        if wish == "try":
            form.check()
        return _page(request, repository, source, form, typed=typed)
    if not form.check():
        return _page(request, repository, source, form, typed=typed, status=422)
    try:
        saved = save_rules(person(request), source, form.drafts)
    except RulesRefused as refused:
        for place, problems in refused.problems.items():
            form.rows[place].show(problems)
        return _page(request, repository, source, form, typed=typed, status=422)
    except Refused as refused:
        messages.warning(request, refused.sentence)
        return _page(request, repository, source, form, typed=typed, status=409)
    messages.success(request, f"Saved: {plural(len(saved), 'rule')}. The next push is judged by them.")
    return redirect(
        "repository-setup" if request.POST.get("next") == "setup" else "repository-rules", *_path(repository)
    )


def _page(
    request: HttpRequest, repository: Repository, source: Source, form: RulesForm, *, typed: str, status: int = 200
) -> HttpResponse:
    context = {
        "repository": repository,
        "tab": "rules",
        "source": source,
        "form": form,
        "is_dirty": request.method == "POST",
    }
    context |= tester(source, form, typed) | {"next": request.POST.get("next", "")}
    is_fragment = request.headers.get("HX-Request") == "true" and request.POST.get("do", "save") != "save"
    template = "builds/_rules_editor.html" if is_fragment else "builds/repository_rules.html"
    return render(request, template, context, status=status)


@login_required
@require_POST
def try_rules(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """The tester's answer to the rules as they are typed: refs with their tags, and the problems of every field."""
    repository = find_repository(request, namespace, name, role=Role.WRITE)
    source = find_source(repository)
    form = RulesForm.typed(request.POST)
    form.check()
    context = {"repository": repository, "source": source, "form": form, "is_live": True}
    return render(request, "builds/_rules_tester.html", context | tester(source, form, request.POST.get("refs", "")))


def tester(source: Source | None, form: RulesForm, typed: str) -> dict[str, Any]:
    """What the rules make of the repository's own refs and of those that were typed."""
    specs = form.specs
    own = list(_typed_refs(typed))
    known = [ref for ref in _known_refs(source) if ref not in own]
    facts = known_of(source, specs, also=own)
    tried = [Tried(ref, evaluate(ref, specs, known=facts)) for ref in [*own, *known[:TRIED]]]
    built = [one for one in tried if one.is_built or one.ref in own or one.remarks]
    rest = [one for one in tried if one not in built]
    warnings = [clash.message for clash in check_rules(specs)]
    warnings += [found.message for found in find_collisions((one.ref, one.verdicts) for one in tried)]
    return {
        "typed": typed,
        "tried": built[:SHOWN],
        "more": max(0, len(built) - SHOWN),
        "unmatched": rest[:SHOWN],
        "unmatched_total": len(rest),
        "warnings": list(dict.fromkeys(warnings))[:5],
        "refs_known": bool(known),
        "refs_left_out": max(0, len(known) - TRIED),
    }


def _known_refs(source: Source | None) -> list[Ref]:
    """The refs that a worker found, the default branch first."""
    rows = source.refs if source else []
    refs = [Ref(row["type"], row["name"]) for row in rows]
    default = source.default_branch if source else ""
    return sorted(refs, key=lambda ref: (ref.type != "branch", ref.name != default))


def _typed_refs(text: str) -> Iterator[Ref]:
    """`tag v1.2` is a tag, `branch x` or a bare name a branch; what Git would not allow is left out."""
    for line in dict.fromkeys(text.splitlines()[:TYPED]):
        first, _, rest = line.strip().partition(" ")
        kind, name = (_KINDS[first], rest.strip()) if first in _KINDS and rest.strip() else ("branch", line.strip())
        if name and name_problem(name) is None:
            yield Ref(kind, name)  # type: ignore[arg-type]  # _KINDS holds nothing but RefType


def _path(repository: Repository) -> tuple[str, str]:
    return repository.namespace.name, repository.name
