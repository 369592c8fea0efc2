"""The API: its routers, and how everything that goes wrong becomes a problem document with a sentence."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.openapi.docs import Swagger
from ninja.parser import Parser

from accounts.api import namespaces, robots, tokens
from accounts.api_auth import api_auth
from builds.actions import NothingMatches, RulesRefused
from builds.api import (
    backfill,
    bases,
    builds,
    cache,
    catchup,
    compare,
    debug,
    destinations,
    dockerfile,
    failure,
    history,
    images,
    logs,
    pausing,
    pull_requests,
    queue,
    repositories,
    retention,
    retention_runs,
    rules_exchange,
    rules_source,
    storage,
    storage_caches,
    tag_deletions,
    tags,
    testing,
    timeline,
    variables,
)
from builds.api.shapes import verdict_out
from builds.logs.frames import StoreUnavailable
from lib.humanize import format_size
from lib.problems import problem
from lib.refusal import Code, Refused
from registry.api import collections, credentials, registries, watch
from webhooks.api import deliveries, forges, notifications, triggers

log = logging.getLogger(__name__)


class Bodies(Parser):
    """Reads a body as JSON whose texts any database can hold. Whatever is wrong is a sentence (`Refused`)."""

    def parse_body(self, request: HttpRequest) -> Any:
        try:
            document = json.loads(request.body)
        except (ValueError, RecursionError) as error:
            raise Refused(f"The body is not JSON: {error}.") from error
        _check_texts(document)
        return document


def _check_texts(document: Any) -> None:
    rest = [document]
    while rest:
        value = rest.pop()
        if isinstance(value, dict):
            rest += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            rest += value
        elif isinstance(value, str) and ("\0" in value or not _is_unicode(value)):
            raise Refused("The body holds a NUL character or half a surrogate pair, which is part of no name here.")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class Docs(Swagger):
    """The page of all calls, by our own template: Ninja, which is no installed app, would load it from elsewhere."""

    template_cdn = str(settings.BASE_DIR / "templates/ninja/swagger.html")


api = NinjaAPI(
    title="Imageyard",
    version="1",
    description="Automated container image builds on one's own servers.",
    urls_namespace="api",
    auth=api_auth,
    parser=Bodies(),
    docs=Docs(),
)
api.add_router("", tokens.router)
api.add_router("", namespaces.router)
api.add_router("", robots.router)
api.add_router("", repositories.router)
api.add_router("", watch.router)
api.add_router("", collections.router)
api.add_router("", builds.router)
api.add_router("", logs.router)
api.add_router("", timeline.router)
api.add_router("", cache.router)
api.add_router("", compare.router)
api.add_router("", failure.router)
api.add_router("", dockerfile.router)
api.add_router("", variables.router)
api.add_router("", pull_requests.router)
api.add_router("", testing.router)
api.add_router("", tag_deletions.router)
api.add_router("", retention.router)
api.add_router("", retention_runs.router)
api.add_router("", tags.router)
api.add_router("", bases.router)
api.add_router("", images.router)
api.add_router("", backfill.router)
api.add_router("", rules_source.router)
api.add_router("", catchup.router)
api.add_router("", debug.router)
api.add_router("", pausing.router)
api.add_router("", queue.router)
api.add_router("", history.router)
api.add_router("", storage.router)
api.add_router("", storage_caches.router)
api.add_router("", rules_exchange.router)
api.add_router("", registries.router)
api.add_router("", credentials.router)
api.add_router("", destinations.router)
api.add_router("", deliveries.router)
api.add_router("", triggers.router)
api.add_router("", forges.router)
api.add_router("", notifications.router)

_STATUS: dict[Code, HTTPStatus] = {
    "invalid": HTTPStatus.UNPROCESSABLE_ENTITY,
    "forbidden": HTTPStatus.FORBIDDEN,
    "conflict": HTTPStatus.CONFLICT,
    "not_found": HTTPStatus.NOT_FOUND,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
}


@api.exception_handler(Refused)
def refused(_request: HttpRequest, error: Refused) -> HttpResponse:
    more: dict[str, Any] = {}
    if isinstance(error, NothingMatches):
        more["verdicts"] = [verdict_out(verdict) for verdict in error.verdicts]
    if isinstance(error, RulesRefused):
        more["problems"] = [
            {"rule": index, "field": found.field, "message": found.message}
            for index, problems in sorted(error.problems.items())
            for found in problems
        ]
    return problem(_STATUS[error.code], error.sentence, **more)


@api.exception_handler(ValidationError)
def invalid(_request: HttpRequest, error: ValidationError) -> HttpResponse:
    wrong = [{"where": ".".join(map(str, found["loc"][1:])), "message": found["msg"]} for found in error.errors]
    first = f"{wrong[0]['where']}: {wrong[0]['message']}" if wrong else "the body is not what this call takes"
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"The request was not understood: {first}.", problems=wrong)


@api.exception_handler(AuthenticationError)
def unknown(_request: HttpRequest, _error: AuthenticationError) -> HttpResponse:
    sentence = (
        "Send an API token: `Authorization: Bearer <token>`. The one that was sent is unknown, expired or revoked."
    )
    answer = problem(HTTPStatus.UNAUTHORIZED, sentence)
    answer["WWW-Authenticate"] = 'Bearer realm="Imageyard"'
    return answer


@api.exception_handler(Http404)
def missing(_request: HttpRequest, error: Http404) -> HttpResponse:
    return problem(HTTPStatus.NOT_FOUND, str(error) or "There is nothing here.")


@api.exception_handler(PermissionDenied)
def forbidden(_request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    return problem(HTTPStatus.FORBIDDEN, str(error) or "You may not do that.")


@api.exception_handler(StoreUnavailable)
def unavailable(_request: HttpRequest, _error: StoreUnavailable) -> HttpResponse:
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, "The log cannot be read just now; ask again in a moment.")


@api.exception_handler(RequestDataTooBig)
def too_large(_request: HttpRequest, _error: RequestDataTooBig) -> HttpResponse:
    most = format_size(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is larger than {most}, the most that a call takes.")


@api.exception_handler(HttpError)
def http_error(_request: HttpRequest, error: HttpError) -> HttpResponse:
    cause = error.__cause__
    if error.status_code == HTTPStatus.FORBIDDEN and "CSRF" in str(error):
        sentence = "A session changes things only with the CSRF token of its page. Programs send an API token instead."
        return problem(HTTPStatus.FORBIDDEN, sentence)
    return problem(error.status_code, cause.sentence if isinstance(cause, Refused) else str(error))


@api.exception_handler(Exception)
def fault(request: HttpRequest, error: Exception) -> HttpResponse:
    log.error("%s %r met a fault", request.method, request.path, exc_info=error)  # %r: it may hold a line break
    sentence = "Imageyard itself met a fault that its log tells more of. It is not your request."
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, sentence)
