"""The API's builds: asking for one, reading it and its log, cancelling and trying again."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponseBase, StreamingHttpResponse
from ninja import Query, Router, Schema, Status

from accounts.models import Role
from builds.actions import cancel_build, retry_build, trigger_builds
from builds.api.schemas import BuildOut, LinesOut, Page, TriggerIn
from builds.api.shapes import builds_out
from builds.core.refnames import bare_name, name_problem, quoted
from builds.core.rules import Ref
from builds.models import Build, Source
from builds.views.build_lookup import log_of
from builds.views.lookup import find_repository, find_source, person
from lib.paging import USUAL, page
from lib.refusal import Refused

router = Router(tags=["builds"])
R = "/repositories/{namespace}/{name}"
MOST_LINES = 10_000


class Started(Schema):
    builds: list[BuildOut]


@router.post(f"{R}/builds", response={201: Started}, summary="Build now")
def trigger(request: HttpRequest, namespace: str, name: str, body: TriggerIn) -> Any:
    """Build a branch, a tag or a commit now. 422 with the verdict of every rule where none builds it."""
    repository = find_repository(request, namespace, name, role=Role.WRITE)
    source = find_source(repository)
    if source is None:
        raise Refused(f"{namespace}/{name} has no source yet, so there is nothing to build. Link one first.")
    made = trigger_builds(person(request), source, _asked(body, source), (body.commit or "").strip().lower())
    return Status(201, {"builds": builds_out(Build.objects.for_page().filter(pk__in=[build.pk for build in made]))})


@router.get(f"{R}/builds", response=Page, summary="List builds")
def listing(request: HttpRequest, namespace: str, name: str, cursor: str = "", limit: int = USUAL) -> Any:
    """The builds of a repository, newest first."""
    rows = Build.objects.for_page().select_related("superseded_by")
    rows = rows.filter(repository=find_repository(request, namespace, name))
    found = page(rows, key="-pk", cursor=cursor, limit=limit, show=lambda row: row)
    return {**found, "items": [BuildOut(**item) for item in builds_out(found["items"])]}


@router.get("/builds/{int:build_id}", response=BuildOut, summary="Read a build")
def detail(request: HttpRequest, build_id: int) -> Any:
    """One build with its steps; the lines of a step that runs are those that there are now."""
    build = find_build(request, build_id)
    shown = builds_out([build])[0]
    return shown if build.is_final or not build.attempt else _with_live_counts(build, shown)


def _with_live_counts(build: Build, shown: dict[str, Any]) -> dict[str, Any]:
    totals = log_of(build, build.attempt).totals()
    for step in shown["steps"]:
        if step["index"] in totals:
            step["lines"] = max(step["lines"], totals[step["index"]].lines)
    lines = sum(total.lines for total in totals.values())
    size_bytes = sum(total.size_bytes for total in totals.values())
    shown["log"] |= {"lines": lines, "bytes": size_bytes}
    return shown


@router.get(
    "/builds/{int:build_id}/log",
    response={200: LinesOut},
    exclude_unset=True,
    url_name="build-log-api",
    summary="Read the log",
)
def log(
    request: HttpRequest,
    build_id: int,
    step: int | None = None,
    from_: int | None = Query(None, alias="from"),  # type: ignore[type-arg]
    lines: int | None = None,
    attempt: int | None = None,
    times: bool = False,
) -> Any:
    """The raw bytes of every step in order; of one with `step`; and with `from` and `lines` a range of its lines.

    With `times` a range says when its lines began.
    """
    build = find_build(request, build_id)
    chosen = build.attempt if attempt is None else attempt
    if attempt is not None and not 1 <= attempt <= build.attempt:
        raise Http404(f"Build {build_id} has no attempt {attempt}.")
    reader = log_of(build, chosen)
    if from_ is None and lines is None:
        return _raw(request, reader, step)
    if step is None:
        raise Refused("Name a step to read lines of: ?step=2&from=0&lines=500.")
    found = reader.lines(step, from_ or 0, max(1, min(lines or MOST_LINES, MOST_LINES)))
    answer = {"first_line": found.first_line, "lines": found.lines, "total": found.total}
    return {**answer, "times": found.times} if times else answer


def _raw(request: HttpRequest, reader: Any, step: int | None) -> HttpResponseBase:
    # Under ASGI a synchronous stream would be read whole before it is sent.
    content = reader.achunks(step) if hasattr(request, "scope") else reader.chunks(step)
    answer = StreamingHttpResponse(content, content_type="text/plain; charset=utf-8")
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
    return answer


@router.post("/builds/{int:build_id}/cancel", response={202: BuildOut}, summary="Cancel a build")
def cancel(request: HttpRequest, build_id: int) -> Any:
    """Stop the build: at once where it waits, within 10 s where it runs. Again is harmless."""
    build = cancel_build(person(request), find_build(request, build_id, role=Role.WRITE))
    return Status(202, builds_out([build])[0])


@router.post("/builds/{int:build_id}/retry", response={202: BuildOut}, summary="Try a build again")
def retry(request: HttpRequest, build_id: int) -> Any:
    """Try again: one more attempt of a build that did not succeed, or a new build where it did."""
    build = retry_build(person(request), find_build(request, build_id, role=Role.WRITE))
    return Status(202, builds_out([Build.objects.for_page().get(pk=build.pk)])[0])


def _asked(body: TriggerIn, source: Source) -> Ref:
    """The ref by its bare name; without one the default branch."""
    name = bare_name(body.ref_type, body.ref.strip())
    if not name and body.ref_type == "branch":
        name = source.default_branch
        if not name:
            raise Refused("Name a branch: the default branch of this source is not known yet.")
    if wrong := name_problem(name):
        raise Refused(f"{quoted(name)} cannot be the name of a {body.ref_type.replace('_', ' ')}: {wrong}.")
    return Ref(body.ref_type, name)


def find_build(request: HttpRequest, build_id: int, *, role: Role | None = None) -> Build:
    """The build, for whoever may see it and has `role` where one is asked. Raises Http404 and PermissionDenied."""
    rows = Build.objects.visible_to(request.user).for_page()  # few are superseded, and joined, each row is two builds
    build = rows.the_one(pk=min(build_id, 2**62))
    if build is None:
        raise Http404(f"There is no build {build_id}, or its repository is private and you are not a member.")
    if role is not None:
        find_repository(request, *build.repository.path.split("/"), role=role)
    return build
