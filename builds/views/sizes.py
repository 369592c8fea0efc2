"""The size trends of floating tags: from where each pointed, and how large the images were that builds put there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from django.db.models import OuterRef, Subquery
from django.utils import timezone

from builds.core.trend import Size, Trend, trend_of
from builds.models import Build
from registry.models import Repository, Tag, TagMove

DAYS = 30
MOVES = 600


def size_trends(repository: Repository, tags: Sequence[str]) -> dict[str, Trend]:
    """By tag, of the last 30 days. Three queries, however many tags and moves there are."""
    if not tags:
        return {}
    now = timezone.now()
    since = now - timedelta(days=DAYS)
    moves = TagMove.objects.filter(repository=repository, moved=True, build_number__isnull=False)
    within = moves.filter(tag__in=tags, at__gte=since).order_by("-at", "-pk")
    pointed = [(tag, at, number or 0) for tag, at, number in within.values_list("tag", "at", "build_number")[:MOVES]]
    # What each pointed to when the time began.
    older = moves.filter(tag=OuterRef("name"), at__lt=since).order_by("-at", "-pk")
    first = Tag.objects.filter(repository=repository, name__in=tags).annotate(
        before=Subquery(older.values("build_number")[:1]), since=Subquery(older.values("at")[:1])
    )
    pointed += [(tag, at, number) for tag, at, number in first.values_list("name", "since", "before") if number]
    numbers = {number for _tag, _at, number in pointed}
    sized = Build.objects.filter(repository=repository, number__in=numbers, size_bytes__isnull=False)
    sizes = dict(sized.values_list("number", "size_bytes"))
    found: dict[str, list[Size]] = defaultdict(list)
    for tag, at, number in reversed(pointed):
        if number in sizes:
            found[tag].append(Size(at, sizes[number] or 0, number))
    return {tag: trend_of(tag, found[tag], since=since, now=now) for tag in tags}
