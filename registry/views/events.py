"""`/registry/events`: the own registry tells here what was pushed, pulled and deleted. Answered at once."""

from __future__ import annotations

from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from lib.crypto import is_equal
from lib.problems import problem
from registry.actions.pulls import counts, flusher
from registry.actions.told import take_told
from registry.core.notification_config import events_secret
from registry.core.notifications import read_events

MOST_BYTES = 8 * 1024 * 1024


@csrf_exempt
@require_POST
def events(request: HttpRequest) -> HttpResponse:
    """Take an envelope. Whatever is no 2xx makes the registry send it again, and everything behind it wait."""
    if not _is_let_in(request):
        return problem(
            HTTPStatus.UNAUTHORIZED,
            "This address is for Imageyard's own registry, which shows a secret made of IMAGEYARD_SECRET_KEY. "
            "Start the registry again if that key has changed.",
        )
    body = request.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        return problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"An envelope of a registry has at most {MOST_BYTES:,} bytes."
        )
    now = timezone.now()
    try:
        told = read_events(body, now)
    except ValueError:
        return problem(HTTPStatus.BAD_REQUEST, "This is no envelope of events as CNCF Distribution sends them.")
    kept = take_told(told, now)
    pulls = counts.hear(told, now)
    flusher.wake()
    return JsonResponse({"kept": kept, "pulls": pulls})


def _is_let_in(request: HttpRequest) -> bool:
    scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and is_equal(shown.strip(), events_secret(settings.SECRET_KEY))
