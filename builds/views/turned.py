"""What broke since yesterday, and what was mended: the first failure after a success, and the other way about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import OuterRef, Q, Subquery
from django.utils.timezone import localtime

from builds.core.states import State
from builds.models import Build

MOST = 6
READ = 50


@dataclass(frozen=True, slots=True)
class Turn:
    """A build that turned a rule and ref. `mended_by` is the number of the success that followed a failure, or None."""

    build: Build
    mended_by: int | None = None


@dataclass(frozen=True, slots=True)
class Turned:
    """Newest first, and of what broke that which still is. What was mended since is told once, there.

    `more`: some are left out.
    """

    broke: tuple[Turn, ...]
    mended: tuple[Turn, ...]
    more: bool = False


def turned_since_yesterday(user: Any) -> Turned:
    """Of the branches and tags of repositories that `user` may see. One query, by an index that holds turns alone."""
    after = Build.objects.filter(
        rule=OuterRef("rule"),
        ref_type=OuterRef("ref_type"),
        ref=OuterRef("ref"),
        state=State.SUCCEEDED,
        pk__gt=OuterRef("pk"),
    ).order_by("pk")
    still = Q(turn="broke", state=State.FAILED) | Q(turn="mended", state=State.SUCCEEDED)
    rows = Build.objects.visible_to(user).filter(still, turn__in=("broke", "mended"), finished_at__gte=since_when())
    found = rows.for_page().annotate(next_success=Subquery(after.values("number")[:1])).order_by("-finished_at", "-pk")
    return _told_once(list(found[:READ]))


def since_when() -> datetime:
    """Yesterday's midnight, where the server is."""
    return localtime().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)


def _told_once(builds: Sequence[Any]) -> Turned:
    broke = [Turn(build, build.next_success) for build in builds if build.turn == "broke"]
    broke.sort(key=lambda turn: turn.mended_by is not None)
    told = {(turn.build.rule_id, turn.build.ref_type, turn.build.ref) for turn in broke}
    mended = [
        Turn(build)
        for build in builds
        if build.turn == "mended" and (build.rule_id, build.ref_type, build.ref) not in told
    ]
    return Turned(tuple(broke[:MOST]), tuple(mended[:MOST]), more=max(len(broke), len(mended)) > MOST)
