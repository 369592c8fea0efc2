"""Why a queued build waits, as a sentence. The numbers are counted elsewhere, durations arrive as seconds."""

from __future__ import annotations

from dataclasses import dataclass

_MINUTE_S = 60
_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the queue knows of one waiting build.

    `ahead` counts builds that start before it. `same_repository_running` is the number of the build that its
    repository has running, `same_repository_waits` that one of its repository stands before it and has to end first.
    `workers` are those that take builds, `free_slots` is over all of them. `retry_in_s` is the rest of a pause before
    another attempt, `attempt` the one that is waited for. `paused` is who paused the queue, since when and why ("Paused
    by admin since 12:04: disk exchange."), `blocked` why no connected worker takes builds, both as whole sentences.
    `eta_s` is the guess until it starts, None where there is none.
    """

    ahead: int = 0
    same_repository_running: int | None = None
    same_repository_waits: bool = False
    workers: int = 1
    free_slots: int = 0
    retry_in_s: float | None = None
    attempt: int = 1
    max_attempts: int = 1
    eta_s: float | None = None
    paused: str = ""
    blocked: str = ""


def waiting_sentence(waiting: Waiting) -> str:
    """What it waits for, whose move it is and how long: "2 builds are ahead. About 3 min."."""
    if waiting.paused:
        return f"{waiting.paused.rstrip('.')}. It starts when the pause ends."
    if waiting.blocked:
        return waiting.blocked
    if waiting.workers <= 0:
        return "No worker is connected: start one with `make up`, or ask the administrator."
    if waiting.retry_in_s is not None and waiting.retry_in_s > 0:
        attempt = f"attempt {waiting.attempt} of {max(waiting.attempt, waiting.max_attempts)}"
        return f"It starts again by itself in {_about(waiting.retry_in_s)} ({attempt})."
    return f"{_reason(waiting)}{_eta(waiting.eta_s)}"


def _reason(waiting: Waiting) -> str:
    running = waiting.same_repository_running
    if waiting.ahead > 0:
        ahead = "1 build is ahead" if waiting.ahead == 1 else f"{waiting.ahead} builds are ahead"
        is_held_up = running is not None or waiting.same_repository_waits
        return f"{ahead}; this repository builds one at a time." if is_held_up else f"{ahead}."
    if running is not None:
        return f"Build #{running} of this repository still runs; it builds one at a time, and this one is next."
    if waiting.free_slots <= 0:
        busy = "The worker is busy" if waiting.workers == 1 else f"All {waiting.workers} workers are busy"
        return f"{busy}; this build is next."
    return "A worker is free; it starts within seconds."


def _eta(eta_s: float | None) -> str:
    if eta_s is None or eta_s <= 0:
        return ""
    return f" About {_about(eta_s)}." if eta_s >= _MINUTE_S else " Less than a minute."


def _about(seconds: float) -> str:
    """Seconds as a person would say them, rounded up: nobody minds an early start."""
    if seconds < _MINUTE_S:
        return f"{max(1, round(seconds))} s"
    if seconds < 2 * _HOUR_S:
        return f"{-(-seconds // _MINUTE_S):.0f} min"
    return f"{-(-seconds // _HOUR_S):.0f} h"
