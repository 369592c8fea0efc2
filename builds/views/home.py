"""Home: is anything wrong, and what is happening? A constant number of queries, however much there is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.db.models import DateTimeField, F, Q, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import Namespace, Role
from builds.core.states import State
from builds.models import Build
from builds.reading import SAID, sentences_of
from builds.views.attention import notices_for
from builds.views.lookup import person
from builds.views.running import running_builds
from builds.views.turned import turned_since_yesterday
from builds.views.waiting_now import waiting_now
from builds.waits import QueueEntry, queue
from lib.spans import Seconds
from registry.models import Repository

PAGE = 20
SPARK = 20


class Past(NamedTuple):
    """What a bar of the spark line needs of a build; `seconds` is 0 before it started."""

    pk: int
    number: int
    state: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Row:
    """A repository in the table. `recent` are its last builds, oldest first, and `last` the newest of them.

    `moved_tags` are the tags that moved last, without the build's own.
    """

    repository: Repository
    recent: Sequence[Past]
    last: Build | None
    sentence: str
    moved_tags: Sequence[str]
    can_write: bool


@login_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The page, or with `?part=now` or `?part=table` one piece of it."""
    part = request.GET.get("part", "")
    context: dict[str, Any] = {}
    entries = None
    if part in ("", "now"):
        entries = queue()
        context |= {
            "running": running_builds(request.user),
            "notices": notices_for(request.user),
            "waiting": waiting_now(request.user, entries),
            "turned": turned_since_yesterday(request.user),
        }
    if part in ("", "table"):
        context |= _table(request, entries)
    templates = {"now": "builds/_home_now.html", "table": "builds/_home_table.html"}
    return render(request, templates.get(part, "builds/home.html"), context)


def _table(request: HttpRequest, entries: Sequence[QueueEntry] | None) -> dict[str, Any]:
    search = request.GET.get("q", "").strip()
    found = Repository.objects.visible_to(request.user).select_related("namespace")
    found = found.only("name", "visibility", "namespace__name")
    page = Paginator(_matching(found, search), PAGE).get_page(request.GET.get("page"))
    mine = set(Namespace.objects.with_role(request.user, Role.WRITE).values_list("pk", flat=True))
    can_make = bool(mine) or person(request).is_superuser
    return {"page": page, "rows": _rows(page, mine, entries), "search": search, "can_make": can_make}


def _matching(rows: Any, search: str) -> Any:
    namespace, slash, name = search.partition("/")
    if slash:
        return rows.filter(namespace__name__endswith=namespace, name__startswith=name)
    return rows.filter(Q(name__icontains=search) | Q(namespace__name__icontains=search)) if search else rows


def _rows(page: Page[Repository], writable: set[int], entries: Sequence[QueueEntry] | None) -> list[Row]:
    repositories = {repository.pk: repository for repository in page.object_list}
    recent = _recent(list(repositories))
    made = {
        pk: next((past.pk for past in reversed(pasts) if past.state == State.SUCCEEDED), 0)
        for pk, pasts in recent.items()
    }
    last = {pk: pasts[-1].pk for pk, pasts in recent.items()}
    builds = Build.objects.filter(pk__in={*last.values(), *made.values()}).select_related("superseded_by")
    found = builds.only("repository_id", "queued_at", "finished_at", "error_kind", *SAID).in_bulk()
    sentences = sentences_of((found[pk] for pk in last.values() if pk in found), entries)
    rows = []
    for pk, repository in repositories.items():
        build = found.get(last.get(pk, 0))
        sentence = sentences[build.pk] if build else ""
        tags = _moved(found.get(made.get(pk, 0)))
        rows.append(Row(repository, recent.get(pk, ()), build, sentence, tags, repository.namespace_id in writable))
    return rows


def _moved(newest: Build | None) -> list[str]:
    return [tag for tag in newest.tags if tag != newest.build_tag] if newest else []


def _recent(repository_ids: Sequence[int]) -> dict[int, list[Past]]:
    """The last builds of each, oldest first: a range of numbers for each repository, which the index gives at once.

    Values and not models, and no more of them than a bar needs: a page has 400 of them.
    """
    found: dict[int, list[Past]] = defaultdict(list)
    rows = Build.objects.filter(
        repository__in=repository_ids, number__gt=F("repository__build_sequence__last") - SPARK
    ).order_by("repository_id", "number")
    seconds = Seconds(Coalesce("finished_at", Value(timezone.now(), DateTimeField())), "started_at")
    for repository_id, pk, number, state, span in rows.values_list("repository_id", "pk", "number", "state", seconds):
        found[repository_id].append(Past(pk, number, state, span or 0.0))
    return found
