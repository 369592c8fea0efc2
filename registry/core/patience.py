"""How long to wait before asking a registry again, and when to give up. Numbers in, numbers out: no clock, no sleep."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """A bound on retries: `attempts` requests in all, `total_s` seconds from the first byte to the last pause."""

    attempts: int = 6
    total_s: float = 60.0
    base_s: float = 0.5
    cap_s: float = 10.0

    def pause(self, tries: int, *, spent_s: float, jitter: float, retry_after_s: float | None = None) -> float | None:
        """Give the seconds to wait after `tries` failed requests, or None to give up.

        `jitter` is a random number from 0 to 1 that spreads clients which failed together. A registry that says
        how long to wait (`Retry-After`) is waited for exactly so long, or not at all where that exceeds `total_s`.
        """
        if tries >= self.attempts:
            return None
        if retry_after_s is not None:
            wait = retry_after_s
        else:
            wait = min(self.base_s * 2 ** (tries - 1), self.cap_s) * (0.5 + jitter / 2)
        return wait if spent_s + wait <= self.total_s else None


ONCE = Patience(attempts=1, total_s=3.0)
