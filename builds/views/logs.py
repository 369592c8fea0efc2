"""The log over HTTP: raw bytes as a download, and ranges of lines for the viewer. Reads only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe

from builds.core.ansi import html_lines, shorten_line
from builds.logs.frames import StoreUnavailable
from builds.models import Build, Step
from builds.views.build_lookup import attempt_asked, find_build, log_of, number_asked

MOST_LINES = 2000
ANSWER_BYTES = 1024 * 1024
STATIC_LINES = 200


@require_safe
def log(request: HttpRequest, namespace: str, name: str, number: int) -> HttpResponseBase:
    """Raw bytes of every step in order, of one with `?step=`, of an earlier attempt with `?attempt=`."""
    build = find_build(request, namespace, name, number)
    attempt = attempt_asked(request, build)
    step = number_asked(request, "step")
    part = "" if step is None else f"-step-{step}"
    reader = log_of(build, attempt)
    is_async = hasattr(request, "scope")  # under ASGI a synchronous stream would be read whole before it is sent
    content: AsyncIterator[bytes] | Iterator[bytes] = reader.achunks(step) if is_async else reader.chunks(step)
    answer = StreamingHttpResponse(content, content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{namespace}-{name}-{number}{part}.log"'
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
    return answer


@require_safe
def lines(request: HttpRequest, namespace: str, name: str, number: int) -> HttpResponse:
    """`?attempt=&step=&from=&lines=` → `{first_line, lines, total}`; lines count from 0, over-long ones are cut."""
    build = find_build(request, namespace, name, number)
    attempt = attempt_asked(request, build)
    step, first, count = (number_asked(request, field) for field in ("step", "from", "lines"))
    if step is None:
        return JsonResponse({"detail": "Name a step: ?step=2&from=0&lines=500."}, status=400)
    try:
        found = log_of(build, attempt).lines(step, first or 0, min(count or STATIC_LINES, MOST_LINES), ANSWER_BYTES)
    except StoreUnavailable:
        return JsonResponse({"detail": "The log cannot be read just now; ask again in a moment."}, status=503)
    shown = [shorten_line(line) for line in found.lines]
    answer = JsonResponse({"first_line": found.first_line, "lines": shown, "total": found.total})
    answer["Cache-Control"] = "private, no-store"
    return answer


def count_lines(build: Build, attempt: int, steps: Iterable[Step]) -> None:
    """Put the lines so far on the steps of a running build; their rows learn them when they end."""
    try:
        totals = log_of(build, attempt).totals()
    except StoreUnavailable:
        return
    for step in steps:
        if step.index in totals:
            step.lines = max(step.lines, totals[step.index].lines)


def newest_lines(build: Build, attempt: int, step: Step) -> list[tuple[int, SafeString]]:
    """The last 200 lines of a step as (line number from 1, safe HTML), for a page without scripts."""
    try:
        found = log_of(build, attempt).tail(step.index, STATIC_LINES, ANSWER_BYTES)
    except StoreUnavailable:
        return []
    drawn = html_lines([shorten_line(line) for line in found.lines])
    # html_lines escapes every character that a build printed.
    return [(number, mark_safe(html)) for number, html in enumerate(drawn, found.first_line + 1)]  # noqa: S308
