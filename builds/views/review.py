"""The question that a fork's pull request asks: what it changes of what runs, and a member's yes or no."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Role
from builds.actions.holds import APPROVAL, request_review
from builds.actions.pull_requests import approve_build, decline_build
from builds.core.states import State
from builds.models import Review
from builds.reading import sentence_of
from builds.views.build_lookup import find_build
from builds.views.lookup import access_to, person
from lib.refusal import Refused

MOST_LINES = 2000


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a diff: `tone` is add, gone, place or plain."""

    tone: str
    text: str


@require_safe
def review(request: HttpRequest, namespace: str, name: str, number: int) -> HttpResponse:
    """What the commit changes. Members see it; strangers of a public repository do not."""
    found = find_build(request, namespace, name, number, role=Role.READ)
    made = Review.objects.filter(build=found).first()
    is_open = found.state == State.QUEUED and found.hold == APPROVAL
    context: dict[str, Any] = {
        "build": found,
        "repository": found.repository,
        "review": made,
        "is_open": is_open,
        "may_decide": is_open and access_to(request, found.repository).can_write,
        "files": [{**file, "lines": diff_lines(file["diff"])} for file in made.files] if made else [],
        "others_left": max(0, made.others_total - len(made.others)) if made else 0,
        "sentence": sentence_of(found),
        "now": timezone.now(),
    }
    return render(request, "builds/review.html", context)


def diff_lines(diff: str) -> list[Line]:
    """A unified diff line by line, without the header that repeats the path."""
    lines = diff.splitlines()
    start = next((place for place, line in enumerate(lines) if line.startswith("@@")), None)
    kept = lines if start is None else [*_of_mode(lines[:start]), *lines[start:]]
    tones = {"+": "add", "-": "gone", "@": "place"}
    return [Line(tones.get(line[:1], "plain") if start is not None else "plain", line) for line in kept[:MOST_LINES]]


def _of_mode(header: list[str]) -> list[str]:
    """What of a header is a change by itself: a file that became a program or a link."""
    return [line for line in header if line.startswith(("old mode", "new mode", "new file mode 12"))]


@require_POST
def approve(request: HttpRequest, namespace: str, name: str, number: int) -> HttpResponse:
    """Yes, for the commit that the page showed."""
    found = find_build(request, namespace, name, number, role=Role.WRITE)
    try:
        approve_build(person(request), found, request.POST.get("commit", ""))
    except Refused as refused:
        messages.error(request, refused.sentence)
        return redirect("build-review", namespace, name, number)
    sentence = f"Build #{found.number} is approved for commit {found.commit[:7]}; it starts when its turn is."
    messages.success(request, sentence)
    return redirect("build", namespace, name, number)


@require_POST
def decline(request: HttpRequest, namespace: str, name: str, number: int) -> HttpResponse:
    """No."""
    found = find_build(request, namespace, name, number, role=Role.WRITE)
    try:
        decline_build(person(request), found, request.POST.get("reason", ""))
    except Refused as refused:
        messages.error(request, refused.sentence)
    return redirect("build", namespace, name, number)


@require_POST
def look(request: HttpRequest, namespace: str, name: str, number: int) -> HttpResponse:
    """Ask a worker to look again."""
    found = find_build(request, namespace, name, number, role=Role.WRITE)
    if found.hold == APPROVAL and not found.is_final:
        request_review(found)
    return redirect("build-review", namespace, name, number)
