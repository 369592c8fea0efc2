"""Deleting tags: the page that says what goes and what stays, for one or several, and the button that has it done."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.models import Role
from builds.actions.fixed_tags import fixed_tags_of
from builds.actions.origins import tag_place
from builds.actions.retention_facts import Uses
from builds.actions.tag_deletions import MOST_AT_ONCE, ask_deletions, why_not
from builds.views.lookup import find_repository, person
from lib.humanize import plural, quoted
from lib.refusal import Refused
from registry.core.reference import is_valid_tag
from registry.models import Repository, Tag


@dataclass(frozen=True, slots=True)
class Doomed:
    """A tag that is to go. `stays` is why it cannot, `used` who needs it, `others` how many tags keep its image."""

    name: str
    tag: Tag | None
    at: str = ""
    stays: str = ""
    used: str = ""
    others: int = 0


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """What goes with `?tag=`, which may stand there several times; a POST has those deleted that did not move since."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    asked = request.POST if request.method == "POST" else request.GET
    names = list(dict.fromkeys(one[:128] for one in asked.getlist("tag") if one))
    if request.method == "POST":
        return _delete(request, repository, dict(zip(names, asked.getlist("seen"), strict=False)))
    rows = _doomed(repository, names[:MOST_AT_ONCE])
    context = {
        "repository": repository,
        "tab": "tags",
        "rows": rows,
        "going": [row for row in rows if row.tag and not row.stays],
        "only": names[0] if len(names) == 1 else "",
        "is_last": any(row.tag and not row.stays and not row.others for row in rows),
    }
    return render(request, "builds/tags_delete.html", context)


def _doomed(repository: Repository, names: list[str]) -> list[Doomed]:
    """A constant number of queries, however many there are."""
    found = {tag.name: tag for tag in Tag.objects.filter(repository=repository, name__in=names)}
    digests = [tag.digest for tag in found.values()]
    keeping = Tag.objects.filter(repository=repository, digest__in=digests).exclude(name__in=names)
    kept: dict[str, int] = {}
    for digest in keeping.values_list("digest", flat=True):
        kept[digest] = kept.get(digest, 0) + 1
    fixed, uses = fixed_tags_of(repository.pk), Uses(repository)
    rows = []
    for name in names:
        tag = found.get(name)
        if tag is None:
            rows.append(Doomed(name, None, stays=f"{quoted(name)} is not there."))
            continue
        stays = why_not(repository, tag, fixed)
        rows.append(Doomed(name, tag, tag_place(tag), stays, uses.of(name, tag.digest), kept.get(tag.digest, 0)))
    return rows


def _delete(request: HttpRequest, repository: Repository, seen: dict[str, str]) -> HttpResponse:
    namespace, name = repository.namespace.name, repository.name
    if not seen:
        messages.warning(request, "No tag was chosen, so nothing is deleted.")
        return redirect("repository-tags", namespace, name)
    try:
        asked = ask_deletions(person(request), repository, seen)
    except Refused as refused:
        messages.warning(request, refused.sentence)
        return redirect("repository-tags", namespace, name)
    for sentence in list(asked.refused.values())[:10]:
        messages.warning(request, sentence)
    first = next(iter(seen))
    if len(seen) == 1 and is_valid_tag(first):
        return redirect("repository-tag", namespace, name, first)
    if asked.deletions:
        count = plural(len(asked.deletions), "tag")
        messages.success(request, f"{count} to be deleted: a worker is asked. The page of each says what came of it.")
    return redirect("repository-tags", namespace, name)
