"""What waits, for the home page: the first of the queue that the person may see, each with its sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from builds.core.states import State
from builds.models import Build
from builds.waits import QueueEntry

MOST = 5


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A waiting build, its place from 1, and why it waits."""

    build: Build
    place: int
    sentence: str


@dataclass(frozen=True, slots=True)
class WaitingNow:
    """`more` wait behind the rows; `hidden` are others' private builds, which are in the line too."""

    rows: tuple[WaitingRow, ...]
    more: int = 0
    hidden: int = 0


def waiting_now(user: Any, entries: Sequence[QueueEntry]) -> WaitingNow:
    """Two queries where something waits, none where nothing does."""
    if not entries:
        return WaitingNow(())
    visible = set(Build.objects.visible_to(user).filter(state=State.QUEUED).values_list("pk", flat=True))
    mine = [entry for entry in entries if entry.build_id in visible]
    builds = Build.objects.for_page().in_bulk([entry.build_id for entry in mine[:MOST]])
    rows = tuple(
        WaitingRow(builds[entry.build_id], entry.position + 1, entry.sentence)
        for entry in mine[:MOST]
        if entry.build_id in builds
    )
    return WaitingNow(rows, max(0, len(mine) - MOST), len(entries) - len(mine))
