"""Finding a build and its log for the person who asks. What a repository lookup refuses is refused here."""

from __future__ import annotations

from django.conf import settings
from django.core.files.storage import storages
from django.http import Http404, HttpRequest

from accounts.models import Role
from builds.logs.reader import LogReader
from builds.logs.stream import shared_client
from builds.models import Build
from builds.models.log import DatabaseFrames
from builds.views.lookup import find_repository

_DIGITS = 12


def find_build(request: HttpRequest, namespace: str, name: str, number: int, *, role: Role | None = None) -> Build:
    """The build with its repository. Raises Http404 and PermissionDenied as `find_repository` does."""
    repository = find_repository(request, namespace, name, role=role)
    rows = Build.objects.select_related("rule", "source")
    build = rows.the_one(repository=repository, number=min(number, 2**31 - 1))
    if build is None:
        raise Http404(f"{repository.path} has no build #{number}.")
    build.repository = repository
    # Few builds have such others, and to join them makes three builds of every row that is read here.
    asked = {build.superseded_by_id, build.retry_of_id} - {None}
    others = Build.objects.in_bulk(asked) if asked else {}
    for other in others.values():
        other.repository = repository
    build.superseded_by = others.get(build.superseded_by_id)
    build.retry_of = others.get(build.retry_of_id)
    return build


def number_asked(request: HttpRequest, field: str) -> int | None:
    """A query field that is a number from 0; None where it is absent. Raises Http404 for anything else."""
    text = request.GET.get(field, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > _DIGITS:
        raise Http404(f"`{field}` is not a number.")
    return int(text)


def attempt_asked(request: HttpRequest, build: Build) -> int:
    """The attempt that is asked for, the newest by default. Raises Http404 for one that never was."""
    asked = number_asked(request, "attempt")
    if asked is None:
        return build.attempt
    if not 1 <= asked <= build.attempt:
        raise Http404(f"Build #{build.number} has no attempt {asked}.")
    return asked


def log_of(build: Build, attempt: int) -> LogReader:
    """The reader of one attempt's log; what a running build printed last is in Redis."""
    tail = None if build.is_final else shared_client(settings.REDIS_URL)
    return LogReader(build.pk, attempt, store=DatabaseFrames(), storage=storages["logs"], redis=tail)
