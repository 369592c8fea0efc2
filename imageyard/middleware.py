"""What every answer has in common: no NUL gets to a view, and the API's errors are problem documents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, cast

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from lib.problems import problem

API = "/api/"
_PROBLEM = "application/problem+json"
_SENTENCES = {
    HTTPStatus.BAD_REQUEST: "The request is not one that Imageyard can read. Check its address and its Host header.",
    HTTPStatus.FORBIDDEN: "You may not do that.",
    HTTPStatus.NOT_FOUND: "There is no such call. /api/v1/docs lists those that there are.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is larger than a call of the API may be.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Imageyard itself met a fault; its log says more. It is not your request.",
}


@sync_and_async_middleware
def plain_answers(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Refuses addresses and cookies with a NUL, which PostgreSQL takes nowhere; tells the API's errors in one shape.

    Errors that arise outside the API's own code (an unknown address, a method that a call does not take, a fault) have
    pages for people; a program gets the problem document (RFC 9457) with the same status.
    """
    if iscoroutinefunction(get_response):
        ask = cast("Callable[[HttpRequest], Awaitable[HttpResponseBase]]", get_response)

        async def answer_later(request: HttpRequest) -> HttpResponseBase:
            return _refused(request) or _told(request, await ask(request))

        return answer_later

    def answer(request: HttpRequest) -> HttpResponseBase:
        return _refused(request) or _told(request, get_response(request))

    return answer


def _refused(request: HttpRequest) -> HttpResponse | None:
    if "\0" in request.path:
        return problem(HTTPStatus.NOT_FOUND, "The address holds a NUL character, which is part of no name here.")
    if "%00" in request.META.get("QUERY_STRING", ""):
        return problem(HTTPStatus.BAD_REQUEST, "The address holds a NUL character, which is part of no name here.")
    if any("\0" in value for value in request.COOKIES.values()):  # an octal escape in a quoted value
        return problem(HTTPStatus.BAD_REQUEST, "A cookie holds a NUL character, which none of Imageyard's does.")
    return None


def _told(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    status = response.status_code
    is_told = response.get("Content-Type", "").startswith(_PROBLEM)
    if status < HTTPStatus.BAD_REQUEST or is_told or not request.path.startswith(API):
        return response
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        sentence = f"This call does not take {request.method}. It takes {response.get('Allow', 'another method')}."
    else:
        sentence = _SENTENCES.get(HTTPStatus(status), f"{HTTPStatus(status).phrase}.")
    told = problem(status, sentence)
    for name in ("Allow", "WWW-Authenticate", "Retry-After"):
        if name in response:
            told[name] = response[name]
    # The other answer is not closed: that is told to Django as the end of the request, which then closes its database.
    return told
