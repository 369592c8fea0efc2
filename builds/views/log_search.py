"""Searching a log over HTTP, and the way to its first error. How is builds.logs.search's; nothing is written."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from builds.core.logsearch import QueryRefused, read_query
from builds.logs.blocks import Place
from builds.logs.first_error import FirstError, first_error
from builds.logs.frames import StoreUnavailable
from builds.logs.search import SearchPart, search_log
from builds.models import Build, Step
from builds.reading import steps_of
from builds.views.build_lookup import attempt_asked, find_build, log_of, number_asked
from builds.views.build_steps import chosen_step
from lib.refusal import Refused

AT_ONCE = 4
"""Searches of this process at the same time; each takes a second of a processor at most."""
_PATIENCE_S = 3.0
_turns = threading.BoundedSemaphore(AT_ONCE)
_PLACE = re.compile(r"([0-9]{1,6})\.([0-9]{1,12})")
_YES = {"1", "true", "yes", "on"}


@require_safe
async def search(request: HttpRequest, namespace: str, name: str, number: int) -> HttpResponse:
    """`?q=&regex=&case=&step=&attempt=&start=` → what `search_answer` gives. It stops when the client has left."""
    gone = threading.Event()

    def run() -> HttpResponse:
        build = find_build(request, namespace, name, number)
        attempt = attempt_asked(request, build)
        asked = {field: request.GET.get(field, "").lower() in _YES for field in ("regex", "case")}
        text, start = request.GET.get("q", ""), request.GET.get("start", "")
        step = number_asked(request, "step")
        try:
            found = search_answer(build, attempt, text, step=step, start=start, is_stopped=gone.is_set, **asked)
        except Refused as refused:
            return JsonResponse({"detail": refused.sentence}, status=503 if refused.code == "unavailable" else 400)
        except StoreUnavailable:
            return JsonResponse({"detail": "The log cannot be read just now; ask again in a moment."}, status=503)
        answer = JsonResponse(found)
        answer["Cache-Control"] = "private, no-store"
        return answer

    try:
        return await sync_to_async(run)()
    except asyncio.CancelledError:
        gone.set()
        raise


def search_answer(
    build: Build,
    attempt: int,
    text: str,
    *,
    regex: bool = False,
    case: bool = False,
    step: int | None = None,
    start: str = "",
    is_stopped: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """`{matches: [{step, line, spans}], searched, total, next, sentence}`; raises `Refused`, `StoreUnavailable`.

    Lines count from 0 within their step, `spans` are characters of the line as it is shown. `next` is where to go on
    (`<step>.<line>`, for `start`) or None when everything was searched.
    """
    place = _PLACE.fullmatch(start)
    if start and place is None:
        raise Refused("`start` is what `next` said: a step and a line, such as 3.500.")
    try:
        query = read_query(text, regex=regex, case=case)
    except QueryRefused as refused:
        raise Refused(str(refused)) from refused
    if not _turns.acquire(timeout=_PATIENCE_S):
        raise Refused("Several searches run already; ask again in a moment.", code="unavailable")
    try:
        begin = Place(int(place[1]), int(place[2])) if place else Place(0, 0)
        part = search_log(log_of(build, attempt), query, step=step, start=begin, is_stopped=is_stopped)
    finally:
        _turns.release()
    return {
        "matches": [{"step": match.step, "line": match.line, "spans": match.spans} for match in part.matches],
        "searched": part.searched,
        "total": part.total,
        "next": f"{part.next.step}.{part.next.line}" if part.next else None,
        "sentence": _sentence(part, begin),
    }


def _sentence(part: SearchPart, begin: Place) -> str:
    so_far = f"Searched {part.searched:,} of {part.total:,} lines" + (" so far" if part.next else "")
    found = len(part.matches)
    here = "" if begin == Place(0, 0) else f" from line {begin.line + 1:,} of step {begin.step} on"
    matching = "no line matches" if not found else f"{found:,} {'line matches' if found == 1 else 'lines match'}"
    return f"{so_far}: {matching}{here}."


def find_first_error(build: Build, attempt: int) -> FirstError:
    """In the step that failed, where one did; raises `StoreUnavailable`."""
    steps = steps_of(build, attempt) if attempt else []
    failed = [step for step in steps if step.state == Step.State.FAILED]
    failing = chosen_step(build, steps) if failed else None
    return first_error(log_of(build, attempt), failing.index if failing else None)


@require_safe
def error(request: HttpRequest, namespace: str, name: str, number: int) -> HttpResponse:
    """The page at its first error; as JSON `{step, line, sentence}`, nulls where no line looks like one."""
    build = find_build(request, namespace, name, number)
    attempt = attempt_asked(request, build)
    try:
        found = find_first_error(build, attempt)
    except StoreUnavailable:
        found = FirstError(None, "The log cannot be read just now; ask again in a moment.")
    if "application/json" in request.headers.get("Accept", ""):
        answer: HttpResponse = JsonResponse(error_answer(found))
    else:
        messages.info(request, found.sentence)
        answer = redirect(reverse("build", args=[namespace, name, number]) + _address(build, attempt, found))
    answer["Cache-Control"] = "private, no-store"
    answer["Vary"] = "Accept"
    return answer


def error_answer(found: FirstError) -> dict[str, Any]:
    """`{step, line, sentence}`; lines count from 0."""
    step, line = found.place or (None, None)
    return {"step": step, "line": line, "sentence": found.sentence}


def _address(build: Build, attempt: int, found: FirstError) -> str:
    earlier = f"attempt={attempt}" if attempt != build.attempt else ""
    if found.place is None:
        return f"?{earlier}" if earlier else ""
    step, line = found.place.step, found.place.line + 1
    return f"?{earlier}{'&' if earlier else ''}step={step}&line={line}#s{step}-l{line}"
