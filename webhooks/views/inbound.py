"""The address that forges call: reads the request, hands it to one action, answers. Decides nothing itself."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from webhooks.actions import Answer, Bell, Inbound, Kind, accept_delivery, hold_bells

log = logging.getLogger(__name__)

_STATUS: dict[Kind, HTTPStatus] = {
    "accepted": HTTPStatus.ACCEPTED,
    "duplicate": HTTPStatus.OK,
    "noted": HTTPStatus.ACCEPTED,
    "unsigned": HTTPStatus.UNAUTHORIZED,
    "foreign": HTTPStatus.FORBIDDEN,
    "unknown": HTTPStatus.NOT_FOUND,
    "malformed": HTTPStatus.BAD_REQUEST,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "fault": HTTPStatus.SERVICE_UNAVAILABLE,
}
# Whoever did not prove to be the forge is not told where the ledger is.
_TRUSTED: frozenset[Kind] = frozenset({"accepted", "duplicate", "noted", "malformed", "foreign", "fault"})
_NOT_STORED = "The database did not answer, so this delivery is not stored. Deliver it again in a minute."


@csrf_exempt
@require_POST
def inbound(request: HttpRequest, forge: str, source_id: str) -> HttpResponse:
    """`POST /webhooks/<forge>/<source id>` → 202 `{delivery, url}`; refusals are problem+json (RFC 9457)."""
    body, is_too_large = _read_body(request)
    headers = {name.lower(): value for name, value in request.headers.items()}
    response, bells = respond(
        Inbound(forge=forge, source_id=source_id, headers=headers, body=body, is_too_large=is_too_large),
        is_last_try=True,
    )
    response.bells = bells
    return response


def respond(request: Inbound, *, is_last_try: bool = False) -> tuple[AnswerFirst, list[Bell]]:
    """The response, and what is to be rung once it is sent. Raises DatabaseError unless it is the last try."""
    with hold_bells() as bells:
        try:
            answer = accept_delivery(request)
        except DatabaseError:
            if not is_last_try:
                raise
            log.exception("a delivery to source %.100r could not be stored", request.source_id)
            return _problem(HTTPStatus.SERVICE_UNAVAILABLE, _NOT_STORED), []
    return _answered(answer), bells


def ring(bells: Sequence[Bell]) -> None:
    """Ring them all; one that breaks keeps no other from ringing."""
    for bell in bells:
        try:
            bell()
        except Exception:
            log.exception("a bell could not be rung")


def _read_body(request: HttpRequest) -> tuple[bytes, bool]:
    """The raw body and whether it is larger than may be; of such a one nothing is kept.

    Read before anything else touches the request, since the signature is over these bytes (field case W07). What
    `Content-Length` says is believed only where it says too much.
    """
    most = settings.WEBHOOK_MAX_BYTES
    if int(request.META.get("CONTENT_LENGTH") or 0) > most:
        return b"", True
    body = request.read(most + 1)
    return (b"", True) if len(body) > most else (body, False)


class AnswerFirst(JsonResponse):
    """Rings once the server has sent it: Django closes a response after its last byte."""

    bells: Sequence[Bell] = ()

    def close(self) -> None:
        ring(self.bells)
        self.bells = ()
        super().close()


def _answered(answer: Answer) -> AnswerFirst:
    status = _STATUS[answer.kind]
    told: dict[str, str] = {}
    if answer.delivery is not None and answer.kind in _TRUSTED:
        url = f"{settings.PUBLIC_URL}{answer.delivery.get_absolute_url()}"
        told = {"delivery": str(answer.delivery.pk), "url": url}
    if status < HTTPStatus.BAD_REQUEST:
        return AnswerFirst({**told, "detail": answer.detail}, status=status)
    return _problem(status, answer.detail, **told)


def _problem(status: HTTPStatus, detail: str, **told: str) -> AnswerFirst:
    document = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail, **told}
    return AnswerFirst(document, status=status, content_type="application/problem+json")
