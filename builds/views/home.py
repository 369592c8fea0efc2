"""Home: is anything wrong, and what is happening? A constant number of queries, however much there is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.db.models import F, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.models import Namespace, Role
from builds.core.states import State
from builds.models import Build
from builds.reading import sentences_of
from builds.views.attention import notices_for
from builds.views.lookup import person
from builds.views.running import running_builds
from registry.models import Repository

PAGE = 25
SPARK = 20


@dataclass(frozen=True, slots=True)
class Row:
    """A repository in the table. `recent` are its last builds, oldest first."""

    repository: Repository
    recent: Sequence[Build]
    sentence: str
    can_write: bool

    @property
    def last(self) -> Build | None:
        return self.recent[-1] if self.recent else None

    @property
    def moved_tags(self) -> list[str]:
        """The tags that moved last, without the build's own."""
        for build in reversed(self.recent):
            if build.state == State.SUCCEEDED:
                return [tag for tag in build.tags if tag != build.build_tag]
        return []


@login_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The page, or with `?part=now` or `?part=table` one piece of it."""
    part = request.GET.get("part", "")
    context: dict[str, Any] = {}
    if part in ("", "now"):
        context |= {"running": running_builds(request.user), "notices": notices_for(request.user)}
    if part in ("", "table"):
        context |= _table(request)
    templates = {"now": "builds/_home_now.html", "table": "builds/_home_table.html"}
    return render(request, templates.get(part, "builds/home.html"), context)


def _table(request: HttpRequest) -> dict[str, Any]:
    search = request.GET.get("q", "").strip()
    found = Repository.objects.visible_to(request.user).select_related("namespace", "registry")
    page = Paginator(_matching(found, search), PAGE).get_page(request.GET.get("page"))
    mine = set(Namespace.objects.with_role(request.user, Role.WRITE).values_list("pk", flat=True))
    can_make = bool(mine) or person(request).is_superuser
    return {"page": page, "rows": _rows(page, mine), "search": search, "can_make": can_make}


def _matching(rows: Any, search: str) -> Any:
    namespace, slash, name = search.partition("/")
    if slash:
        return rows.filter(namespace__name__endswith=namespace, name__startswith=name)
    return rows.filter(Q(name__icontains=search) | Q(namespace__name__icontains=search)) if search else rows


def _rows(page: Page[Repository], writable: set[int]) -> list[Row]:
    repositories = list(page.object_list)
    recent: dict[int, list[Build]] = {repository.pk: [] for repository in repositories}
    for build in _recent_builds(repositories):
        recent[build.repository_id].append(build)
    sentences = sentences_of(builds[-1] for builds in recent.values() if builds)
    rows = []
    for repository in repositories:
        builds = recent[repository.pk]
        sentence = sentences[builds[-1].pk] if builds else ""
        rows.append(Row(repository, builds, sentence, repository.namespace_id in writable))
    return rows


def _recent_builds(repositories: Iterable[Repository]) -> Iterable[Build]:
    """The last builds of each, oldest first: a range of numbers for each repository, which the index gives at once."""
    by_id = {repository.pk: repository for repository in repositories}
    rows = (
        Build.objects.filter(repository__in=list(by_id), number__gt=F("repository__build_sequence__last") - SPARK)
        .select_related("superseded_by")
        .defer("plan", "commit_message", "base_images", "warnings", "publication")
        .order_by("repository_id", "number")
    )
    for build in rows:
        build.repository = by_id[build.repository_id]
        yield build
