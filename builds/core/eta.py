"""How long a running build will probably take, from how long builds of its rule usually do. No clock here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

# What takes longer than usual still takes a while: a tenth of the usual time.
OVERDUE = 0.1
# Of a build that was this quick the steps tell nothing: all of them were cached.
_QUICK_S = 1.0


def left_seconds(usual_s: float, elapsed_s: float, done: float | None = None) -> float:
    """Seconds that a running build will probably go on; never 0, for nobody believes that.

    `done` is how much of the usual work is done, from 0 to 1, None where nobody knows. The clock is believed at first,
    the steps the more the further they are.
    """
    by_clock = max(usual_s - elapsed_s, usual_s * OVERDUE)
    if done is None:
        return by_clock
    share = min(max(done, 0.0), 1.0)
    by_steps = max(usual_s * (1 - share), 0.0)
    return (1 - share) * by_clock + share * by_steps


def share_done(steps: Iterable[tuple[str, bool, float]], before: Mapping[str, float]) -> float | None:
    """How much of the work of the build before is done: of its seconds, those of steps that are over by now.

    `steps` are `(name, is_over, seconds so far)`, `before` the seconds of each step that the build before had. None
    where that one was so quick that its steps tell nothing.
    """
    whole = sum(before.values())
    if whole < _QUICK_S:
        return None
    names: dict[str, float] = {}
    for name, is_over, seconds in steps:
        usual = before.get(name, 0.0)
        names[name] = max(names.get(name, 0.0), usual if is_over else min(seconds, usual))
    return min(sum(names.values()) / whole, 1.0)
