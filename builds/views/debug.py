"""Debugging the failing step of a build: its image, the step to try, and who looked at it. The terminal is `shell`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.files.storage import storages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Role
from builds.actions.debug_images import ask_debug_image, newest_of, remove_debug_image, why_no_debug_image
from builds.actions.debug_shells import open_session_of
from builds.core.debug_step import StepFacts, run_line
from builds.logs import transcripts
from builds.models import Build, DebugImage, DebugSession
from builds.views.build_lookup import find_build
from builds.views.lookup import access_to, person
from lib.refusal import Refused

MOST_SESSIONS = 20


@require_safe
def page(request: HttpRequest, namespace: str, name: str, number: int) -> HttpResponse:
    """Everything there is to know of the failing step; it stays fresh by itself."""
    found = find_build(request, namespace, name, number, role=Role.WRITE)
    return render(request, "builds/debug.html", _context(request, found))


@require_safe
def fragment(request: HttpRequest, namespace: str, name: str, number: int) -> HttpResponse:
    """The part that changes, as the page has it."""
    found = find_build(request, namespace, name, number, role=Role.WRITE)
    return render(request, "builds/_debug.html", _context(request, found))


@require_POST
def make(request: HttpRequest, namespace: str, name: str, number: int) -> HttpResponse:
    """Have the image made. Again is harmless."""
    return _act(request, namespace, name, number, lambda found: ask_debug_image(person(request), found))


@require_POST
def remove(request: HttpRequest, namespace: str, name: str, number: int) -> HttpResponse:
    """Let it go before its time is over."""

    def act(found: Build) -> None:
        image = newest_of(found)
        if image is not None:
            remove_debug_image(person(request), image)

    return _act(request, namespace, name, number, act)


def _act(
    request: HttpRequest, namespace: str, name: str, number: int, action: Callable[[Build], object]
) -> HttpResponse:
    found = find_build(request, namespace, name, number, role=Role.WRITE)
    try:
        action(found)
    except Refused as refused:
        messages.error(request, refused.sentence)
    return redirect("build-debug", namespace, name, number)


@require_safe
def transcript(request: HttpRequest, namespace: str, name: str, number: int, session_id: int) -> HttpResponse:
    """What was shown in a shell, for administrators of the namespace."""
    found = find_build(request, namespace, name, number, role=Role.ADMIN)
    rows = DebugSession.objects.filter(debug_image__build=found, pk=min(session_id, 2**62)).exclude(transcript="")
    session = rows.first()
    if session is None:
        raise Http404("There is no such transcript.")
    try:
        content = transcripts.read(storages["logs"], session.transcript)
    except FileNotFoundError as error:
        raise Http404("The log storage has this transcript no more.") from error
    answer = HttpResponse(content, content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{found.repository.name}-{number}-shell-{session.pk}.txt"'
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
    return answer


def _context(request: HttpRequest, found: Build) -> dict[str, Any]:
    image = newest_of(found)
    sessions = DebugSession.objects.filter(debug_image__build=found).select_related("user")[:MOST_SESSIONS]
    mine = open_session_of(person(request))
    return {
        "build": found,
        "repository": found.repository,
        "why_not": why_no_debug_image(found),
        "image": image,
        **step_context(image),
        "sessions": [{"row": row, "seconds": _seconds(row)} for row in sessions],
        "may_read": access_to(request, found.repository).can_admin,
        "shells": settings.SHELLS,
        "minutes": settings.SHELL_MINUTES,
        "hours": settings.DEBUG_HOURS,
        "mine": mine if image is not None and mine is not None and mine.debug_image_id == image.pk else None,
    }


def step_context(image: DebugImage | None) -> dict[str, Any]:
    """The failing step as its image knows it; nothing before the image is ready."""
    if image is None or image.state != DebugImage.State.READY:
        return {"facts": None, "run": ""}
    facts = StepFacts.from_json(image.facts)
    return {"facts": facts, "shell": " ".join(facts.shell), "run": run_line(image.image, facts)}


def _seconds(session: DebugSession) -> float | None:
    """How long the shell was there; None for one that never was."""
    if session.started_at is None:
        return None
    return ((session.closed_at or timezone.now()) - session.started_at).total_seconds()
