"""How much of its quota something uses, and the sentences about it. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lib.humanize import format_size

WARN, NEARLY, FULL = 0.80, 0.95, 1.0
Level = Literal["none", "ok", "warn", "nearly", "over"]


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """What something may take up (None: no limit), and what it does. `name` is the path of what it is of."""

    name: str
    used_bytes: int
    limit_bytes: int | None

    @property
    def share(self) -> float:
        """1.0 is all of it."""
        if not self.limit_bytes:
            return 0.0 if self.limit_bytes is None else FULL
        return self.used_bytes / self.limit_bytes

    @property
    def percent(self) -> int:
        return min(100, int(100 * self.share))

    @property
    def level(self) -> Level:
        if self.limit_bytes is None:
            return "none"
        if self.share >= FULL:
            return "over"
        return "nearly" if self.share >= NEARLY else "warn" if self.share >= WARN else "ok"

    @property
    def is_over(self) -> bool:
        return self.level == "over"

    @property
    def sentence(self) -> str:
        """What a page says of it: use and quota, and from 80 % on what to do."""
        if self.limit_bytes is None:
            return f"{self.name} takes up {format_size(self.used_bytes)}; it has no quota."
        both = f"{format_size(self.used_bytes)} of its quota of {format_size(self.limit_bytes)}"
        if self.level == "over":
            return f"{self.name} takes up {both}: nothing more can be pushed to it, and no build of it starts. {_WHAT}"
        if self.level in ("nearly", "warn"):
            return (
                f"{self.name} takes up {both} ({self.percent} %). When it is full nothing more can be pushed. {_WHAT}"
            )
        return f"{self.name} takes up {both} ({self.percent} %)."

    @property
    def refusal(self) -> str:
        """Why a push or a build is refused."""
        return (
            f"{self.name} takes up {format_size(self.used_bytes)}, and its quota is "
            f"{format_size(self.limit_bytes)}: nothing more can be pushed to it. {_WHAT}"
        )


_WHAT = "Remove tags that nobody needs, or set a retention policy, then clean up; or have the quota raised."


def first_over(*uses: QuotaUse) -> QuotaUse | None:
    """The first that is full."""
    return next((use for use in uses if use.is_over), None)
