"""How much of a rule's builds came from the cache, build by build: places of bars in a picture. No rows, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lib.humanize import format_duration

MOST = 30
TALL, PITCH, WIDTH = 72.0, 20.0, 14.0
_LEAST = 1.5
"""A build that hit nothing has a bar all the same: it is there to be clicked."""


@dataclass(frozen=True, slots=True)
class Hits:
    """One build; `cacheable` is None where it has no report."""

    number: int
    state: str
    cacheable: int | None
    cached: int | None
    saved_s: float | None

    @property
    def share(self) -> float | None:
        return (self.cached or 0) / self.cacheable if self.cacheable else None

    @property
    def told(self) -> str:
        """For the title of a bar, and for whoever cannot see it."""
        if self.share is None:
            return f"#{self.number} {self.state}: no report"
        saved = f", {format_duration(self.saved_s)} saved" if self.saved_s else ""
        return f"#{self.number} {self.state}: {self.cached} of {self.cacheable} steps from the cache{saved}"


@dataclass(frozen=True, slots=True)
class Column:
    """A bar: `full` is the height of what came from the cache, from the bottom; `is_here` marks the build shown."""

    hits: Hits
    x: float
    full: float
    is_here: bool


@dataclass(frozen=True, slots=True)
class HitTrend:
    columns: tuple[Column, ...]
    sentence: str


def hit_trend(builds: Sequence[Hits], here: int) -> HitTrend:
    """`builds` from the oldest on; `here` is the number of the build whose page this is."""
    columns = [
        Column(hits, place * PITCH + (PITCH - WIDTH) / 2, max(TALL * (hits.share or 0), _LEAST), hits.number == here)
        for place, hits in enumerate(builds[-MOST:])
    ]
    told = [column.hits for column in columns if column.hits.share is not None]
    return HitTrend(tuple(columns), _sentence(told))


def _sentence(told: Sequence[Hits]) -> str:
    steps, cached = sum(hits.cacheable or 0 for hits in told), sum(hits.cached or 0 for hits in told)
    if not steps:
        return ""
    saved = sum(hits.saved_s or 0.0 for hits in told)
    rate = f"{round(100 * cached / steps)} % of the steps of the last {len(told)} builds came from the cache"
    return f"{rate}, which saved {format_duration(saved)} in all." if saved >= 1 else f"{rate}."
