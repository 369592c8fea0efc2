"""When waiting builds will probably start, from slots, what runs and how long builds usually take. No clock here."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Busy:
    """A build that runs: of which repository, how long it will go on, and whether its slot is then used again."""

    repository: int
    left_s: float
    frees_slot: bool = True


@dataclass(frozen=True, slots=True)
class InLine:
    """A build that waits: of which repository, how many of that may run at once, its usual time, its pause before."""

    repository: int
    allowed: int = 1
    usual_s: float = 0.0
    pause_s: float = 0.0


def start_times(line: Iterable[InLine], running: Sequence[Busy], slots: int) -> list[float] | None:
    """Seconds until each build of the line starts, in its order; None where no slot is there at all.

    Each takes the slot that is free last before it may start, so that one which waits for its repository keeps no slot
    from those behind it.
    """
    if slots <= 0:
        return None
    free = sorted(busy.left_s for busy in running if busy.frees_slot)[-slots:]
    free = [0.0] * (slots - len(free)) + free
    ends: dict[int, list[float]] = defaultdict(list)
    for busy in running:
        insort(ends[busy.repository], busy.left_s)
    starts = []
    for waiting in line:
        of_repository = ends[waiting.repository]
        may = of_repository[-waiting.allowed] if len(of_repository) >= waiting.allowed else 0.0
        may = max(may, waiting.pause_s, 0.0)
        start = max(may, free.pop(max(0, bisect_right(free, may) - 1)))
        insort(free, start + waiting.usual_s)
        insort(of_repository, start + waiting.usual_s)
        starts.append(start)
    return starts
