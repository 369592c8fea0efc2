"""A build: its page, the parts of it that change, and the two things one can do to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Role, User
from builds.actions import cancel_build, retry_build
from builds.core.states import RUNNING, State, can_cancel, can_retry
from builds.models import Build, Step
from builds.reading import sentence_of, steps_of
from builds.views.build_lookup import attempt_asked, find_build
from builds.views.build_steps import chosen_step, grouped, step_rows
from builds.views.build_tabs import Asked, tab_links, tab_of
from builds.views.destinations import pushes_of
from builds.views.expected import Expected, expected
from builds.views.failure import failure_of
from builds.views.logs import count_lines
from builds.views.lookup import access_to, person
from builds.views.promotions import promoted_to, writes_somewhere
from lib.refusal import Refused


@require_safe
def build(request: HttpRequest, namespace: str, name: str, number: int) -> HttpResponse:
    """The page; `?attempt=` for an earlier attempt, `?step=` opens a step, `?tab=` says which tab is open."""
    found = find_build(request, namespace, name, number)
    attempt = attempt_asked(request, found)
    context = _parts(request, found, attempt)
    tab = tab_of(request.GET.get("tab", ""))
    context |= {"tab": tab, "tabs": tab_links(found, tab)}
    context |= tab.context(Asked(request, found, attempt, context["steps"]))
    return render(request, "builds/build.html", context)


@require_safe
def fragment(request: HttpRequest, namespace: str, name: str, number: int) -> HttpResponse:
    """Header and steps alone, as the page has them, and the open tab where it lives (`?tab=`)."""
    found = find_build(request, namespace, name, number)
    attempt = attempt_asked(request, found)
    context = _parts(request, found, attempt)
    tab = tab_of(request.GET.get("tab", ""))
    if tab.is_live:
        context |= {"live_tab": tab, **tab.context(Asked(request, found, attempt, context["steps"]))}
    return render(request, "builds/_build_parts.html", context)


def _parts(request: HttpRequest, found: Build, attempt: int) -> dict[str, Any]:
    steps = steps_of(found, attempt) if attempt else []
    if steps and not found.is_final:
        count_lines(found, attempt, steps)
    rows = step_rows(steps, timezone.now())
    may_write = access_to(request, found.repository).can_write
    has_image = found.state == State.SUCCEEDED and bool(found.digest)
    address = [*found.repository.path.split("/"), found.number]
    is_newest = attempt == found.attempt
    return {
        "build_url": reverse("build", args=address),
        "fragment_url": _fragment_url(request, reverse("build-fragment", args=address), 0 if is_newest else attempt),
        "build": found,
        "repository": found.repository,
        "attempt": attempt,
        "attempts": range(1, found.attempt + 1),
        "is_newest": is_newest,
        "sentence": sentence_of(found),
        "waited": (timezone.now() - found.queued_at).total_seconds() if found.state == State.QUEUED else None,
        "failure": failure_of(found, attempt, steps),
        "failing": chosen_step(found, steps) if found.state == State.FAILED and is_newest else None,
        "steps": steps,
        "groups": grouped(rows),
        "now_step": _now(steps, found.steps_total) if not found.is_final else None,
        "expected": _expected(found, steps) if is_newest else None,
        "tags": _tags(found),
        "can_tag": has_image and (may_write or writes_somewhere(request)),
        "promoted_to": promoted_to(request, found.repository, build=found.number) if has_image else [],
        "pushes": pushes_of(found) if has_image else [],
        "can_push": may_write,
        "can_cancel": may_write and can_cancel(State(found.state)) and not found.cancel_requested_at,
        "can_retry": may_write and can_retry(State(found.state)),
    }


def _expected(found: Build, steps: list[Step]) -> Expected | None:
    runs = found.state in RUNNING
    return expected([found], {found.pk: steps}, timezone.now()).get(found.pk) if runs else None


def _fragment_url(request: HttpRequest, address: str, attempt: int) -> str:
    """With what the page itself was asked for, as far as its parts depend on it."""
    query = QueryDict(mutable=True)
    if attempt:
        query["attempt"] = str(attempt)
    tab = tab_of(request.GET.get("tab", ""))
    if tab.is_live:
        query["tab"] = tab.name
        if platform := request.GET.get("platform", ""):
            query["platform"] = platform
    return f"{address}?{query.urlencode()}" if query else address


def _now(steps: list[Step], total: int) -> tuple[int, int] | None:
    """The running step and how many are known, counted without BuildKit's own; None while none runs."""
    named = [step for step in steps if not step.internal]
    running = [place for place, step in enumerate(named, 1) if step.state == Step.State.RUNNING]
    return (running[-1], max(len(named), total)) if running else None


def _tags(found: Build) -> list[dict[str, Any]]:
    """Every tag of the build with what became of it: `moved` is None while nothing was decided."""
    if found.moves:
        told = {move["tag"]: move for move in found.moves}
        names = [*found.tags, *(name for name in told if name not in found.tags)]
        return [{"name": name, **_became(told.get(name))} for name in names]
    if found.tags:
        return [{"name": name, "moved": True, "sentence": ""} for name in found.tags]
    # What waits for the build's number, say, is shown as its template until then.
    planned = [tag["name"] for tag in found.plan.get("tags", [])] + found.plan.get("pending", [])
    return [{"name": name, "moved": None, "sentence": ""} for name in planned]


def _became(move: dict[str, Any] | None) -> dict[str, Any]:
    return {"moved": move["moved"], "sentence": move.get("sentence", "")} if move else {"moved": True, "sentence": ""}


@require_POST
def cancel(request: HttpRequest, namespace: str, name: str, number: int) -> HttpResponse:
    """Stop the build."""
    found = find_build(request, namespace, name, number, role=Role.WRITE)
    return _act(request, found, cancel_build)


@require_POST
def retry(request: HttpRequest, namespace: str, name: str, number: int) -> HttpResponse:
    """Try the build again."""
    found = find_build(request, namespace, name, number, role=Role.WRITE)
    return _act(request, found, retry_build)


def _act(request: HttpRequest, found: Build, action: Callable[[User, Build], Build]) -> HttpResponse:
    after = found
    try:
        after = action(person(request), found)
    except Refused as refused:
        messages.error(request, refused.sentence)
    return redirect(reverse("build", args=[*found.repository.path.split("/"), after.number]))
