"""How a repository has been doing: success rates, usual times, the places of bars in a picture. No clock, no HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from builds.core.states import FINAL, State

# A picture of at most so many builds, in its own units: what a column takes, how wide its bar is, how high the two are.
COLUMNS, PITCH, WIDTH = 30, 20, 14
TALL, DEEP = 80.0, 28.0
LEAST = 2.0
# One build that took far longer than nearly all others flattens them: its bar is cut, and says so.
NEARLY_ALL, CUT = 0.9, 2.0


@dataclass(frozen=True, slots=True)
class Past:
    """A build of the picture. Seconds that it took, None before it began; seconds that it waited before that."""

    number: int
    state: str
    took_s: float | None
    waited_s: float


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of the builds that ended by themselves succeeded; cancelled and superseded ones count for neither."""

    succeeded: int
    failed: int

    @property
    def total(self) -> int:
        return self.succeeded + self.failed

    @property
    def percent(self) -> int | None:
        """Rounded, but never to 100 or 0 where that is not so; None where nothing ended."""
        if not self.total:
            return None
        exact = 100 * self.succeeded / self.total
        if 0 < self.succeeded < self.total:
            return min(99, max(1, round(exact)))
        return round(exact)


def rate_of(states: Mapping[str, int]) -> Rate:
    """From how many builds ended in each state."""
    return Rate(states.get(State.SUCCEEDED, 0), states.get(State.FAILED, 0))


def count_states(builds: Iterable[Past]) -> dict[str, int]:
    found: dict[str, int] = {}
    for build in builds:
        found[build.state] = found.get(build.state, 0) + 1
    return found


def usual(spans: Iterable[float | None]) -> float | None:
    """The median; None of nothing."""
    known = [span for span in spans if span is not None]
    return median(known) if known else None


@dataclass(frozen=True, slots=True)
class Column:
    """Where a build stands: its bar grows up from `TALL`, that of its wait down from 0. `is_cut`: it was longer."""

    build: Past
    x: float
    took: float
    waited: float
    is_cut: bool = False
    is_wait_cut: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """Columns from left to right, oldest first, and the seconds that the full height of each kind of bar stands for."""

    columns: tuple[Column, ...]
    took_s: float
    waited_s: float


def picture(builds: Sequence[Past]) -> Picture:
    """The newest builds are at the right edge, also where there are fewer than the picture has columns.

    What still runs stretches no scale.
    """
    shown = builds[-COLUMNS:]
    over = [build for build in shown if build.state in FINAL] or list(shown)
    took_most = _scale([build.took_s for build in over if build.took_s is not None])
    waited_most = _scale([build.waited_s for build in over])
    columns = []
    for place, build in enumerate(shown, COLUMNS - len(shown)):
        took, is_cut = _length(build.took_s or 0.0, took_most, TALL, least=LEAST)
        waited, is_wait_cut = _length(build.waited_s, waited_most, DEEP, least=0.0)
        left = place * PITCH + (PITCH - WIDTH) / 2
        columns.append(Column(build, left, took, waited, is_cut, is_wait_cut))
    return Picture(tuple(columns), took_most, waited_most)


def _scale(spans: Sequence[float]) -> float:
    if not spans:
        return 1.0
    nearly_all = sorted(spans)[int(NEARLY_ALL * (len(spans) - 1))]
    return max(min(max(spans), CUT * nearly_all or max(spans)), 1.0)


def _length(seconds: float, most: float, whole: float, *, least: float) -> tuple[float, bool]:
    share = max(seconds, 0.0) / most
    return round(max(min(share, 1.0) * whole, least), 1), share > 1.0
