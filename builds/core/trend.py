"""How the size of what a tag points to has changed: a sentence, and the places of points in a picture. No clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from lib.humanize import format_size

# A picture in its own units, and how many points it has at most: fingers and the Tab key have to find them.
WIDE, HIGH, EDGE = 240.0, 48.0, 6.0
POINTS = 24
# Less is noise: a base image's package lists change daily.
SAME_PERCENT = 0.5
TIMES = 3.0


@dataclass(frozen=True, slots=True)
class Size:
    """What a tag pointed to from `at` on: an image of so many bytes, made by a build."""

    at: datetime
    size_bytes: int
    build: int


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of the picture."""

    x: float
    y: float
    size: Size


@dataclass(frozen=True, slots=True)
class Trend:
    """The trend of one tag. `line` are the points of the polyline, as SVG wants them; it goes on to the right edge."""

    tag: str
    sentence: str
    dots: tuple[Dot, ...]
    line: str
    least: int
    most: int

    @property
    def is_shown(self) -> bool:
        """One point is no trend."""
        return len(self.dots) > 1


def trend_of(tag: str, sizes: Sequence[Size], *, since: datetime, now: datetime) -> Trend:
    """`sizes` from the oldest on; one that is older than `since` is what the tag pointed to when the time began."""
    # A tag that is younger than that fills the picture all the same.
    since = max(since, sizes[0].at) if sizes else since
    kept = _thinned(sizes, since, now)
    values = [size.size_bytes for size in kept]
    least, most = (min(values), max(values)) if values else (0, 0)
    dots = tuple(Dot(_x(size.at, since, now), _y(size.size_bytes, least, most), size) for size in kept)
    return Trend(tag, said(tag, kept, since=since, now=now), dots, _line(dots), least, most)


def _line(dots: Sequence[Dot]) -> str:
    """Steps: a tag keeps its size until it moves."""
    corners = [f"{dots[0].x:g},{dots[0].y:g}"] if dots else []
    for before, dot in pairwise(dots):
        corners += [f"{dot.x:g},{before.y:g}", f"{dot.x:g},{dot.y:g}"]
    return " ".join([*corners, f"{WIDE - EDGE:g},{dots[-1].y:g}"] if dots else [])


def said(tag: str, sizes: Sequence[Size], *, since: datetime, now: datetime) -> str:
    """`latest` grew 12 % in 30 days: from 84.2 MB to 94.3 MB."""
    if not sizes:
        return ""
    first, last = sizes[0], sizes[-1]
    size = format_size(last.size_bytes)
    if len(sizes) == 1 or first.size_bytes <= 0:
        return f"`{tag}` is {size}."
    span = _span(now - max(first.at, since))
    change = 100 * (last.size_bytes - first.size_bytes) / first.size_bytes
    if abs(change) < SAME_PERCENT:
        return f"`{tag}` kept its size {span}: {size}."
    was = format_size(first.size_bytes)
    difference = format_size(abs(last.size_bytes - first.size_bytes))
    both = f"from {was} to {size}" if was != size else f"by {difference}, to {size}"
    if last.size_bytes >= TIMES * first.size_bytes:
        return f"`{tag}` grew to {last.size_bytes / first.size_bytes:.1f} times its size {span}: {both}."
    return f"`{tag}` {'grew' if change > 0 else 'shrank'} {max(1, round(abs(change)))} % {span}: {both}."


def _span(span: timedelta) -> str:
    days = round(span / timedelta(days=1))
    if days < 1:
        return "within a day"
    return "in a day" if days == 1 else f"in {days} days"


def _thinned(sizes: Sequence[Size], since: datetime, now: datetime) -> list[Size]:
    """The first, the last, and of each stretch of time the last of it."""
    if len(sizes) <= POINTS:
        return list(sizes)
    whole = (now - since).total_seconds() or 1.0
    slots: dict[int, Size] = {}
    for size in sizes[1:-1]:
        share = (size.at - since).total_seconds() / whole
        slots[int(max(share, 0.0) * (POINTS - 3))] = size
    return [sizes[0], *(slots[key] for key in sorted(slots)), sizes[-1]]


def _x(at: datetime, since: datetime, now: datetime) -> float:
    share = (at - since).total_seconds() / ((now - since).total_seconds() or 1.0)
    return round(EDGE + (WIDE - 2 * EDGE) * min(max(share, 0.0), 1.0), 1)


def _y(size_bytes: int, least: int, most: int) -> float:
    share = (size_bytes - least) / (most - least) if most > least else 0.5
    return round(HIGH - EDGE - (HIGH - 2 * EDGE) * share, 1)
