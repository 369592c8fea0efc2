"""Skipped pushes among the builds: which of them belong on a page of the list, and where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db.models import Q
from django.http import HttpRequest

from builds.models import Build, SkippedPush
from registry.models import Repository

MOST = 30
STATE = "skipped"
"""What the filter by state calls it; pushes by their message and builds by their paths."""


@dataclass(frozen=True, slots=True)
class Skip:
    """A skipped push, and the newest build that somebody asked for of it all the same."""

    push: SkippedPush
    built: Build | None


Row = tuple[Build | None, str, Skip | None]
"""A build with its sentence, or a skipped push."""


def rows_with_skips(
    request: HttpRequest,
    repository: Repository,
    builds: Sequence[tuple[Build, str]],
    *,
    before: str = "",
    has_older: bool = False,
) -> list[Row]:
    """The builds of a page, newest first, with the pushes that were skipped between them. Three queries at most."""
    pushes = _pushes_of(request, repository, builds, before=before, has_older=has_older)
    return list(_merged(builds, _with_builds(repository, pushes)))


def newest_skip(repository: Repository, last: Build | None) -> Skip | None:
    """The newest skipped push, where it is newer than the last build."""
    rows = SkippedPush.objects.filter(source__repository=repository)
    if last is not None:
        rows = rows.filter(at__gt=last.queued_at)
    found = rows.first()
    return Skip(found, None) if found else None


def _pushes_of(
    request: HttpRequest,
    repository: Repository,
    builds: Sequence[tuple[Build, str]],
    *,
    before: str,
    has_older: bool,
) -> list[SkippedPush]:
    if request.GET.get("state", "") not in ("", STATE) or request.GET.get("failure"):
        return []
    rows = SkippedPush.objects.filter(source__repository=repository).select_related("source")
    if ref := request.GET.get("ref", "").replace("\0", "").strip():
        rows = rows.filter(ref__icontains=ref)
    if before.isascii() and before.isdigit():
        # Where the page before this one ended: by the same build, so that no push is on both or on neither.
        last = Build.objects.filter(repository=repository, number=min(int(before), 2**31 - 1)).first()
        if last is None:
            return []
        rows = rows.filter(at__lte=last.queued_at)
    if has_older and builds:
        rows = rows.filter(at__gt=builds[-1][0].queued_at)
    found = list(rows[:MOST])
    for push in found:
        push.source.repository = repository
    return found


def _with_builds(repository: Repository, pushes: Sequence[SkippedPush]) -> list[Skip]:
    if not pushes:
        return []
    wanted = Q()
    for push in pushes:
        wanted |= Q(ref_type=push.ref_type, ref=push.ref, commit=push.commit)
    made = {(b.ref_type, b.ref, b.commit): b for b in Build.objects.filter(wanted, repository=repository)[::-1]}
    for build in made.values():
        build.repository = repository
    return [Skip(push, made.get((push.ref_type, push.ref, push.commit))) for push in pushes]


def _merged(builds: Sequence[tuple[Build, str]], skips: Sequence[Skip]) -> Iterator[Row]:
    waiting = list(skips)
    for build, sentence in builds:
        while waiting and waiting[0].push.at > build.queued_at:
            yield None, "", waiting.pop(0)
        yield build, sentence, None
    for skip in waiting:
        yield None, "", skip
