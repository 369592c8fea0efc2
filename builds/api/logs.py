"""The API's search of a log, and its first error. Reading a log is builds.api.builds's."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema

from builds.api.builds import find_build
from builds.models import Build
from builds.views.log_search import error_answer, find_first_error, search_answer

router = Router(tags=["builds"])


class MatchOut(Schema):
    step: int
    line: int = Field(description="From 0 within the step.")
    spans: list[tuple[int, int]] = Field(
        description="From and up to which character of the line as it is shown: without colours, what carriage "
        "returns overwrote left out. At most 20 of a line."
    )


class SearchOut(Schema):
    matches: list[MatchOut] = Field(description="Lines that match, in order; at most 2,000.")
    searched: int = Field(description="Lines that lie before `next`, all of them where it is null.")
    total: int = Field(description="Lines that there are now.")
    next: str | None = Field(description="Where to go on with `start`, after a second or 2,000 lines that match.")
    sentence: str


class FirstErrorOut(Schema):
    step: int | None
    line: int | None = Field(description="From 0 within the step.")
    sentence: str


@router.get("/builds/{int:build_id}/log/search", response=SearchOut, summary="Search the log")
def search(
    request: HttpRequest,
    build_id: int,
    q: str,
    regex: bool = False,
    case: bool = False,
    step: int | None = None,
    attempt: int | None = None,
    start: str = "",
) -> Any:
    """Lines that hold `q`, or with `regex` match it (RE2's dialect); with `case` capitals count.

    What is searched is the text as it is shown. Secrets are masked in it.
    """
    build = find_build(request, build_id)
    chosen = _attempt(build, attempt)
    return search_answer(build, chosen, q, regex=regex, case=case, step=step, start=start)


@router.get("/builds/{int:build_id}/log/error", response=FirstErrorOut, summary="Find the first error in the log")
def error(request: HttpRequest, build_id: int, attempt: int | None = None) -> Any:
    """Where to look first: in the last 200 lines of the step that failed, else the first line that looks like one."""
    build = find_build(request, build_id)
    return error_answer(find_first_error(build, _attempt(build, attempt)))


def _attempt(build: Build, asked: int | None) -> int:
    if asked is not None and not 1 <= asked <= build.attempt:
        raise Http404(f"Build {build.pk} has no attempt {asked}.")
    return build.attempt if asked is None else asked
