"""What administrators do on the queue page: pause, resume, drain, keep, forget. POST alone; the actions check who."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from builds.actions import pauses, workers
from builds.models import Pause, Worker
from builds.views.lookup import person
from builds.views.told import do_and_tell


@login_required
@require_POST
def pause(request: HttpRequest) -> HttpResponse:
    """Pause the whole queue, for a reason."""
    reason = request.POST.get("reason", "")
    return _do(request, lambda: pauses.pause_queue(person(request), reason), "The queue is paused. What runs goes on.")


@login_required
@require_POST
def pause_host(request: HttpRequest, worker_id: int) -> HttpResponse:
    """Pause the host of a worker, for a reason."""
    worker = get_object_or_404(Worker, pk=worker_id)
    reason = request.POST.get("reason", "")
    told = f"{worker.host} is paused. What runs goes on."
    return _do(request, lambda: pauses.pause_host(person(request), worker.host, reason), told)


@login_required
@require_POST
def resume(request: HttpRequest, pause_id: int) -> HttpResponse:
    """End a pause."""
    found = Pause.objects.filter(pk=pause_id).first()
    if found is None:
        messages.warning(request, "That pause has ended already.")
        return redirect("queue")
    told = f"{found.host} takes builds again." if found.host else "The queue goes on."
    return _do(request, lambda: pauses.resume(person(request), found), told)


@login_required
@require_POST
def drain(request: HttpRequest, worker_id: int) -> HttpResponse:
    """Let a worker end what it has, and then its process."""
    worker = get_object_or_404(Worker, pk=worker_id)
    told = f"{worker.host} takes nothing new, and its process leaves when what it runs has ended."
    return _do(request, lambda: workers.ask_to_drain(person(request), worker), told)


@login_required
@require_POST
def keep(request: HttpRequest, worker_id: int) -> HttpResponse:
    """Take a drain back."""
    worker = get_object_or_404(Worker, pk=worker_id)
    return _do(request, lambda: workers.keep(person(request), worker), f"{worker.host} takes builds again.")


@login_required
@require_POST
def forget(request: HttpRequest, worker_id: int) -> HttpResponse:
    """Take a worker that is gone off the list."""
    worker = get_object_or_404(Worker, pk=worker_id)
    return _do(request, lambda: workers.forget(person(request), worker), f"{worker.name} is forgotten.")


def _do(request: HttpRequest, act: Callable[[], Any], told: str) -> HttpResponse:
    return do_and_tell(request, act, told, then="queue")
