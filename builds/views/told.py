"""Doing one thing for a form's button, and telling what came of it on the page it leads to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from lib.refusal import Refused


def do_and_tell(request: HttpRequest, act: Callable[[], Any], told: str, *, then: str) -> HttpResponse:
    """Call `act` and lead to the page named `then` with `told` or the refusal; 403 where the role is missing."""
    try:
        act()
    except Refused as refused:
        if refused.code == "forbidden":
            raise PermissionDenied(refused.sentence) from refused
        messages.error(request, refused.sentence)
    else:
        messages.success(request, told)
    return redirect(then)
