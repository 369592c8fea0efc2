"""The page with the terminal, and opening and closing a shell. The bytes go through `builds.shell_consumer`."""

from __future__ import annotations

from csp.constants import NONCE, SELF
from csp.decorators import csp_update
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Role
from builds.actions.debug_images import newest_of
from builds.actions.debug_shells import close_shell, open_session_of, open_shell
from builds.views.build_lookup import find_build
from builds.views.debug import step_context
from builds.views.lookup import person
from lib.refusal import Refused


# The terminal (xterm.js) draws with sheets that it writes into the page: sizes of its cells and its colours. They are
# allowed on this page alone, and only those that carry the nonce of this answer; scripts stay as they are everywhere.
@csp_update({"style-src": [SELF, NONCE]})  # type: ignore[arg-type] # its type knows views without arguments only
@require_safe
def page(request: HttpRequest, namespace: str, name: str, number: int) -> HttpResponse:
    """The person's open shell on this build's debug image; without one, back to where it is opened."""
    found = find_build(request, namespace, name, number, role=Role.WRITE)
    image, session = newest_of(found), open_session_of(person(request))
    if image is None or session is None or session.debug_image_id != image.pk:
        return redirect("build-debug", namespace, name, number)
    context = {
        "build": found,
        "repository": found.repository,
        "image": image,
        "session": session,
        "minutes": settings.SHELL_MINUTES,
        "idle_minutes": settings.SHELL_IDLE_MINUTES,
        **step_context(image),
    }
    return render(request, "builds/shell.html", context)


@require_POST
def open_(request: HttpRequest, namespace: str, name: str, number: int) -> HttpResponse:
    """Open a shell, or go to the one that is open."""
    found = find_build(request, namespace, name, number, role=Role.WRITE)
    image = newest_of(found)
    if image is None:
        return redirect("build-debug", namespace, name, number)
    try:
        open_shell(person(request), image)
    except Refused as refused:
        messages.error(request, refused.sentence)
        return redirect("build-debug", namespace, name, number)
    return redirect("build-shell", namespace, name, number)


@require_POST
def close(request: HttpRequest, namespace: str, name: str, number: int) -> HttpResponse:
    """Close the person's own shell."""
    find_build(request, namespace, name, number, role=Role.WRITE)
    session = open_session_of(person(request))
    if session is not None:
        close_shell(session.pk, "You closed it.")
    return redirect("build-debug", namespace, name, number)
