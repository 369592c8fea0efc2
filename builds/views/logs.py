"""The log over HTTP: raw bytes as a download, and ranges of lines for the viewer. Reads only."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field

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
_LINES_ASKED = re.compile(r"([0-9]{1,12})(?:-([0-9]{1,12}))?")


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
    """`?attempt=&step=&from=&lines=` → `{first_line, lines, total, times}`; lines from 0, over-long ones are cut.

    `times` are `[line, milliseconds since 1970]`: that line and those behind it began then, up to the next of them.
    """
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
    answer = JsonResponse({"first_line": found.first_line, "lines": shown, "total": found.total, "times": found.times})
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


@dataclass(frozen=True, slots=True)
class Shown:
    """A part of a step's log as a page without scripts shows it: (line number from 1, safe HTML), and what is around.

    `marked` are the lines that the address names, from 1, both included; `earlier` and `later` are lines to go to.
    """

    rows: list[tuple[int, SafeString]] = field(default_factory=list)
    total: int = 0
    marked: tuple[int, int] | None = None
    silent_s: float | None = None

    @property
    def is_whole(self) -> bool:
        return len(self.rows) == self.total

    @property
    def earlier(self) -> int | None:
        return max(1, self.rows[0][0] - STATIC_LINES // 2) if self.rows and self.rows[0][0] > 1 else None

    @property
    def later(self) -> int | None:
        last = self.rows[-1][0] if self.rows else self.total
        return min(self.total, last + STATIC_LINES // 2) if last < self.total else None


def shown_lines(build: Build, attempt: int, step: Step, asked: str = "") -> Shown:
    """200 lines of a step: its last ones, or those around the line (`120`) or range (`120-140`) that is asked for."""
    marked = _marked(asked)
    first = -STATIC_LINES if marked is None else max(0, marked[0] - STATIC_LINES // 2)
    try:
        found = log_of(build, attempt).lines(step.index, first, STATIC_LINES, ANSWER_BYTES)
    except StoreUnavailable:
        return Shown()
    drawn = html_lines([shorten_line(line) for line in found.lines])
    # html_lines escapes every character that a build printed.
    rows = [(number, mark_safe(html)) for number, html in enumerate(drawn, found.first_line + 1)]  # noqa: S308
    silent = time.time() - found.times[-1][1] / 1000 if found.times and marked is None else None
    return Shown(rows, found.total, marked, silent)


def _marked(asked: str) -> tuple[int, int] | None:
    found = _LINES_ASKED.fullmatch(asked)
    if found is None:
        return None
    ends = sorted(max(1, int(end)) for end in (found[1], found[2] or found[1]))
    return ends[0], ends[1]
