"""The address of a trigger: reads the request, hands it to one action, answers. The address is the secret."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from builds.models import Build
from lib.problems import problem
from webhooks.actions.trigger_call import MOST_BODY_BYTES, TriggerAnswer, TriggerRequest, call_trigger
from webhooks.actions.triggers import find_trigger

log = logging.getLogger(__name__)
_UNKNOWN = "There is no trigger at this address, or it was revoked. Make one in the settings of the repository."
_NOT_STORED = "The database did not answer, so nothing was built. Call again in a minute."


@csrf_exempt
def call(request: HttpRequest, secret: str, source_id: str = "") -> HttpResponse:
    """`POST /hooks/trigger/<secret>` → 201 `{detail, builds}`; 422 with the verdicts where nothing is built."""
    if request.method != "POST":
        answer: HttpResponse = problem(HTTPStatus.METHOD_NOT_ALLOWED, "A trigger is called with POST.")
        answer["Allow"] = "POST"
    else:
        answer = _call(request, secret, source_id)
    # What is shown of the answer in a browser must not carry the address on.
    answer["Referrer-Policy"] = "no-referrer"
    answer["Cache-Control"] = "no-store"
    return answer


def _call(request: HttpRequest, secret: str, source_id: str) -> HttpResponse:
    body, is_too_large = _read_body(request)
    asked = TriggerRequest(
        secret=secret,
        body=body,
        content_type=request.headers.get("Content-Type", ""),
        remote_address=request.META.get("REMOTE_ADDR") or "",
        is_too_large=is_too_large,
    )
    try:
        token = find_trigger(secret)
        if token is None or source_id not in ("", str(token.source_id)):
            return problem(HTTPStatus.NOT_FOUND, _UNKNOWN)
        return _answered(call_trigger(token, asked))
    except DatabaseError:
        log.exception("a trigger's call could not be stored")
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, _NOT_STORED)


def _read_body(request: HttpRequest) -> tuple[bytes, bool]:
    """The raw body and whether it is larger than may be; of such a one nothing is kept."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BODY_BYTES:
        return b"", True
    body = request.read(MOST_BODY_BYTES + 1)
    return (b"", True) if len(body) > MOST_BODY_BYTES else (body, False)


def _answered(answer: TriggerAnswer) -> HttpResponse:
    if answer.status < HTTPStatus.BAD_REQUEST:
        builds = [_build_out(build) for build in answer.builds]
        return JsonResponse({"detail": answer.sentence, "builds": builds}, status=answer.status)
    more: dict[str, Any] = {"verdicts": answer.verdicts} if answer.verdicts else {}
    response = problem(answer.status, answer.sentence, **more)
    if answer.retry_after_s:
        response["Retry-After"] = str(answer.retry_after_s)
    return response


def _build_out(build: Build) -> dict[str, Any]:
    return {
        "id": build.pk,
        "number": build.number,
        "url": f"{settings.PUBLIC_URL}{build.get_absolute_url()}",
        "state": build.state,
        "ref_type": build.ref_type,
        "ref": build.ref,
        "commit": build.commit,
    }
