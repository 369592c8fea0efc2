"""What images take up: an estimate from tags where no storage can be read, and growth as a picture. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from lib.humanize import format_size

# A picture in its own units.
WIDE, HIGH, EDGE = 600.0, 120.0, 6.0
_WEEK = 7


@dataclass(slots=True)
class Measured:
    """What one repository, namespace or registry takes up. Each blob counts once; the reclaimable are among them."""

    images: int = 0
    tags: int = 0
    unique_bytes: int = 0
    shared_bytes: int = 0
    reclaimable_bytes: int = 0
    is_estimate: bool = False

    @property
    def total_bytes(self) -> int:
        return self.unique_bytes + self.shared_bytes

    def add(self, other: Measured) -> None:
        """Of two storages that share nothing."""
        self.images += other.images
        self.tags += other.tags
        self.unique_bytes += other.unique_bytes
        self.shared_bytes += other.shared_bytes
        self.reclaimable_bytes += other.reclaimable_bytes
        self.is_estimate = self.is_estimate or other.is_estimate


def estimate(tags: Iterable[tuple[int, str, int | None]]) -> dict[int, Measured]:
    """By repository, from (repository, digest, size) of tags, one repository after the other: each digest once.

    Layers that two images have in common count for both, so it is rather too much than too little; images without a
    tag are not known at all.
    """
    found: dict[int, Measured] = {}
    seen: set[str] = set()
    for repository, digest, size in tags:
        if repository not in found:
            found[repository], seen = Measured(is_estimate=True), set()
        use = found[repository]
        use.tags += 1
        if digest not in seen:
            seen.add(digest)
            use.images += 1
            use.unique_bytes += size or 0
    return found


@dataclass(frozen=True, slots=True)
class Growth:
    """How large something was over a while: `line` are the points of a polyline, `area` those below it closed."""

    days: int
    first: date
    last: date
    least: int
    most: int
    line: str
    area: str
    sentence: str

    @property
    def is_shown(self) -> bool:
        """One day is no growth."""
        return self.last > self.first


def growth_of(points: Sequence[tuple[date, int]], *, days: int, today: date) -> Growth | None:
    """`points` from the oldest on, a day each where it changed; what is older than the days is what it began with."""
    if not points:
        return None
    since = today - timedelta(days=days)
    before = [size for day, size in points if day <= since]
    kept = [(day, size) for day, size in points if day > since]
    if before:
        kept.insert(0, (since, before[-1]))
    first = kept[0][0]
    span = max(1, (today - first).days)
    most = max(size for _, size in kept) or 1

    def place(day: date, size: int) -> tuple[float, float]:
        return (
            round(EDGE + (WIDE - 2 * EDGE) * (day - first).days / span, 1),
            round(HIGH - EDGE - (HIGH - 2 * EDGE) * size / most, 1),
        )

    corners: list[tuple[float, float]] = []
    for day, size in kept:
        x, y = place(day, size)
        if corners:
            corners.append((x, corners[-1][1]))
        corners.append((x, y))
    corners.append((place(today, 0)[0], corners[-1][1]))
    line = " ".join(f"{x:g},{y:g}" for x, y in corners)
    floor = HIGH - EDGE
    area = f"{corners[0][0]:g},{floor:g} {line} {corners[-1][0]:g},{floor:g}"
    sizes = [size for _, size in kept]
    return Growth(days, first, today, min(sizes), max(sizes), line, area, _said(kept, today))


def _said(kept: Sequence[tuple[date, int]], today: date) -> str:
    """`It grew by 1.2 GB in 30 days, to 8.4 GB; at that pace it doubles in 7 months.`"""
    (first, was), (_, size) = kept[0], kept[-1]
    days = (today - first).days
    change = size - was
    if days < 1:
        return f"It takes up {format_size(size)}; it is measured since today."
    span = "a day" if days == 1 else f"{days} days"
    if change == 0:
        return f"It kept its size for {span}: {format_size(size)}."
    word = "grew" if change > 0 else "shrank"
    told = f"It {word} by {format_size(abs(change))} in {span}, to {format_size(size)}"
    return f"{told}." if change < 0 or days < _WEEK else f"{told}, {format_size(round(change / days * _WEEK))} a week."


def days_until(free_bytes: int, growth: Mapping[date, int] | Sequence[tuple[date, int]], today: date) -> int | None:
    """After how many days so much more is there, at the pace of these points; None where it does not grow."""
    points = sorted(dict(growth).items())
    if len(points) < 2:  # noqa: PLR2004 — no pace from one point
        return None
    (first, was), (_, size) = points[0], points[-1]
    days = (today - first).days
    if days < _WEEK or size <= was:
        return None
    return int(free_bytes * days / (size - was))
