"""`/registry/token`: the own registry sends clients here; who may do what comes back as a signed token.

GET is CNCF Distribution's "Token Authentication Specification" (basic log-in, or nobody's), POST its OAuth2 form
(`grant_type=password` and `refresh_token`). Errors have the shape of a registry's own, for that is what clients read.
"""

from __future__ import annotations

import base64
import logging
import time
from dataclasses import dataclass, field
from http import HTTPStatus

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.views.decorators.csrf import csrf_exempt

from lib.crypto import UndecryptableError
from lib.guesses import Limit, address_name
from registry.actions.entry import NOBODY, Caller, NotLetIn, is_secret_of_ours, log_in, log_in_again
from registry.actions.granting import grant
from registry.core.grants import Access
from registry.core.scopes import TooManyScopes, parse_scopes
from registry.tokens import LIFETIME_S, Bearer, sign_bearer

log = logging.getLogger(__name__)
# A client that is refused asks twice, and many sit behind one address.
BY_ADDRESS = Limit("registry-address", 60, 60)
BY_ACCOUNT = Limit("registry-account", 10, 300)
_SHORTEST_S = 60  # clients take less for a mistake (Distribution's specification)
_CODES = {
    HTTPStatus.BAD_REQUEST: "UNSUPPORTED",
    HTTPStatus.UNAUTHORIZED: "UNAUTHORIZED",
    HTTPStatus.NOT_FOUND: "UNSUPPORTED",
    HTTPStatus.METHOD_NOT_ALLOWED: "UNSUPPORTED",
    HTTPStatus.TOO_MANY_REQUESTS: "TOOMANYREQUESTS",
    HTTPStatus.SERVICE_UNAVAILABLE: "UNAVAILABLE",
}


@dataclass(frozen=True)
class _Asked:
    """A request for a token, whichever way it came. `refresh`, `username` and `password` are "" where not given."""

    service: str
    scopes: tuple[str, ...]
    wants_refresh: bool
    username: str = ""
    password: str = field(default="", repr=False)
    refresh: str = field(default="", repr=False)


class _Unanswerable(Exception):  # noqa: N818 -- an answer, not a fault
    def __init__(self, status: HTTPStatus, sentence: str, *, retry_after_s: int = 0) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.retry_after_s = status, sentence, retry_after_s


@csrf_exempt
def token(request: HttpRequest) -> HttpResponse:
    """200 with `token`, `access_token`, `expires_in`, `issued_at`; 401 for a log-in that is no good."""
    try:
        asked = _read(request)
        caller = _let_in(request, asked)
        return _answered(request, asked, caller)
    except _Unanswerable as refused:
        return _refused(refused.status, refused.sentence, retry_after_s=refused.retry_after_s)
    except TooManyScopes as error:
        return _refused(HTTPStatus.BAD_REQUEST, str(error))
    except DatabaseError:
        log.exception("a token could not be made")
        sentence = "Imageyard's database did not answer, so there is no log-in now. Try again in a minute."
        return _refused(HTTPStatus.SERVICE_UNAVAILABLE, sentence, retry_after_s=10)
    except UndecryptableError:
        log.exception("the key that signs tokens cannot be read")
        sentence = "The key that signs tokens cannot be read. An administrator finds the reason in the log of web."
        return _refused(HTTPStatus.SERVICE_UNAVAILABLE, sentence)


def _read(request: HttpRequest) -> _Asked:
    if settings.REGISTRY_AUTH != "token":
        sentence = "This Imageyard signs no tokens: its registry is not its own (IMAGEYARD_REGISTRY_AUTH)."
        raise _Unanswerable(HTTPStatus.NOT_FOUND, sentence)
    if request.method == "GET":
        asked = _read_get(request)
    elif request.method == "POST":
        asked = _read_post(request.POST)
    else:
        raise _Unanswerable(HTTPStatus.METHOD_NOT_ALLOWED, "Tokens are asked for with GET or POST.")
    if asked.service and asked.service != settings.REGISTRY_HOST:
        raise _Unanswerable(
            HTTPStatus.BAD_REQUEST,
            f"Tokens are signed here for the registry {settings.REGISTRY_HOST} alone, not for “{asked.service[:100]}”. "
            "The registry's setting `auth.token.service` must be the name that Imageyard knows it by "
            "(IMAGEYARD_REGISTRY).",
        )
    return asked


def _read_get(request: HttpRequest) -> _Asked:
    username, password = _basic(request.headers.get("Authorization", ""))
    given = request.GET
    return _Asked(
        service=given.get("service", ""),
        scopes=tuple(given.getlist("scope")),
        wants_refresh=given.get("offline_token", "").lower() == "true" or given.get("access_type") == "offline",
        username=username,
        password=password,
    )


def _read_post(given: QueryDict) -> _Asked:
    kind = given.get("grant_type", "")
    if kind not in ("password", "refresh_token"):
        raise _Unanswerable(
            HTTPStatus.BAD_REQUEST, "The field `grant_type` must be `password` or `refresh_token`; log in by either."
        )
    by_password = kind == "password"
    username, password = (given.get("username", ""), given.get("password", "")) if by_password else ("", "")
    refresh = "" if by_password else given.get("refresh_token", "")
    if not (password or refresh):
        raise _Unanswerable(
            HTTPStatus.UNAUTHORIZED, "No password and no refresh token was sent, so nobody is logged in."
        )
    return _Asked(
        service=given.get("service", ""),
        scopes=tuple(given.getlist("scope")),
        wants_refresh=by_password and given.get("access_type") == "offline",
        username=username,
        password=password,
        refresh=refresh,
    )


def _basic(header: str) -> tuple[str, str]:
    """User name and password of a basic log-in; two empty texts where there is none."""
    if not header:
        return "", ""
    scheme, _, coded = header.partition(" ")
    try:
        username, colon, password = base64.b64decode(coded.strip(), validate=True).decode().partition(":")
    except ValueError:
        colon = ""
    if scheme.lower() != "basic" or not colon:
        raise _Unanswerable(
            HTTPStatus.UNAUTHORIZED, "The log-in cannot be read: a user name and a password are wanted (basic)."
        )
    return username, password


def _let_in(request: HttpRequest, asked: _Asked) -> Caller:
    """Passwords are not even tried once too many were wrong; what cannot be guessed is, so nobody is shut out of it."""
    if not (asked.username or asked.password or asked.refresh):
        return NOBODY
    limits = [(BY_ADDRESS, address_name(request.META.get("REMOTE_ADDR") or ""))]
    if not asked.refresh and not is_secret_of_ours(asked.password):
        limits.append((BY_ACCOUNT, asked.username.casefold()))
        _check(limits)
    try:
        return log_in_again(asked.refresh) if asked.refresh else log_in(asked.username, asked.password)
    except NotLetIn as refused:
        for limit, name in limits:
            limit.note_failure(name)
        _check(limits)
        log.info("a log-in at the registry failed", extra={"user": asked.username[:150], "address": limits[0][1]})
        raise _Unanswerable(HTTPStatus.UNAUTHORIZED, refused.sentence) from refused


def _check(limits: list[tuple[Limit, str]]) -> None:
    wait_s = max(limit.wait_s(name) for limit, name in limits)
    if wait_s:
        raise _Unanswerable(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"Too many log-ins failed. Wait {wait_s} s, then check the user name and the password, or log in with an "
            "API token.",
            retry_after_s=wait_s,
        )


def _answered(request: HttpRequest, asked: _Asked, caller: Caller) -> HttpResponse:
    access = grant(caller, parse_scopes(asked.scopes))
    life_s = LIFETIME_S
    if caller.build is not None:
        life_s = max(_SHORTEST_S, min(LIFETIME_S, int(caller.build.until - time.time())))
    bearer = sign_bearer(caller.subject, access, life_s=life_s)
    document: dict[str, object] = _document(bearer)
    if request.method == "POST":
        document["scope"] = " ".join(map(_as_scope, access))
    if asked.wants_refresh and caller.user is not None:
        document["refresh_token"] = caller.refresh_token()
    response = JsonResponse(document)
    response["Cache-Control"] = "no-store"
    return response


def _document(bearer: Bearer) -> dict[str, object]:
    return {
        "token": bearer.text,
        "access_token": bearer.text,
        "expires_in": bearer.expires_in,
        "issued_at": bearer.issued_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _as_scope(access: Access) -> str:
    return f"{access.type}:{access.name}:{','.join(access.actions)}"


def _refused(status: HTTPStatus, sentence: str, *, retry_after_s: int = 0) -> HttpResponse:
    error = {"code": _CODES.get(status, "UNKNOWN"), "message": sentence, "detail": None}
    response = JsonResponse({"errors": [error]}, status=status)
    response["Cache-Control"] = "no-store"
    if status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = 'Basic realm="Imageyard"'
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        response["Allow"] = "GET, POST"
    if retry_after_s:
        response["Retry-After"] = str(retry_after_s)
    return response
