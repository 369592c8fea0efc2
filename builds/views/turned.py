"""What broke since yesterday, and what was mended: the first failure after a success, and the other way about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import OuterRef, Subquery
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
    """Of the branches and tags of repositories that `user` may see. Three queries.

    The first two read the end of an index that holds turns alone, in its order: where ten thousand repositories turn
    within a day, one for both would have to sort them all. Builds as a whole are read of those that are shown.
    """
    after = Build.objects.filter(
        rule=OuterRef("rule"),
        ref_type=OuterRef("ref_type"),
        ref=OuterRef("ref"),
        state=State.SUCCEEDED,
        pk__gt=OuterRef("pk"),
    ).order_by("pk")
    rows = Build.objects.visible_to(user).filter(finished_at__gte=since_when()).order_by("-finished_at", "-pk")
    rows = rows.annotate(next_success=Subquery(after.values("number")[:1]))
    broke = _Found.read(rows.filter(turn="broke", state=State.FAILED))
    mended = _Found.read(rows.filter(turn="mended", state=State.SUCCEEDED))
    return _told_once(broke, mended)


def since_when() -> datetime:
    """Yesterday's midnight, where the server is."""
    return localtime().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)


class _Found(NamedTuple):
    pk: int
    what: tuple[int | None, str, str]
    next_success: int | None

    @classmethod
    def read(cls, rows: Any) -> list[_Found]:
        names = ("pk", "rule_id", "ref_type", "ref", "next_success")
        return [cls(pk, (rule, kind, ref), after) for pk, rule, kind, ref, after in rows.values_list(*names)[:READ]]


def _told_once(broke: list[_Found], mended: list[_Found]) -> Turned:
    broke.sort(key=lambda turn: turn.next_success is not None)
    told = {turn.what for turn in broke}
    mended = [turn for turn in mended if turn.what not in told]
    shown = broke[:MOST], mended[:MOST]
    builds = Build.objects.for_page().in_bulk([turn.pk for turns in shown for turn in turns])
    return Turned(
        tuple(Turn(builds[turn.pk], turn.next_success) for turn in shown[0] if turn.pk in builds),
        tuple(Turn(builds[turn.pk]) for turn in shown[1] if turn.pk in builds),
        more=max(len(broke), len(mended)) > MOST,
    )
