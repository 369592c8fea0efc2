"""How many pulls a registry still allows, as its headers tell. Text in, numbers out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lib.humanize import format_duration

# Docker Hub counts by six hours where it does not say.
WINDOW_S = 21_600
_VALUE = re.compile(r"\s*(\d{1,9})\s*(?:;\s*w\s*=\s*(\d{1,9}))?")
LOW_PART = 5
"""Few are left when it is a fifth."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`remaining` of `limit` pulls within `window_s` seconds, for whoever asked."""

    limit: int
    remaining: int
    window_s: int = WINDOW_S

    @property
    def is_low(self) -> bool:
        """Whether somebody should hear of it before the next builds fail."""
        return self.remaining * LOW_PART <= self.limit

    @property
    def sentence(self) -> str:
        """`88 of 100 pulls in 6 h are left.`"""
        hours, rest = divmod(self.window_s, 3600)
        window = f"{hours} h" if hours and not rest else format_duration(self.window_s)
        return f"{self.remaining} of {self.limit} pulls in {window} are left."


def parse_rate(headers: Mapping[str, str]) -> Rate | None:
    """Read `RateLimit-Limit: 100;w=21600` and `RateLimit-Remaining: 88;w=21600`; None where neither is told."""
    limit = _VALUE.match(headers.get("ratelimit-limit", ""))
    remaining = _VALUE.match(headers.get("ratelimit-remaining", ""))
    if limit is None or remaining is None:
        return None
    return Rate(int(limit[1]), int(remaining[1]), int(limit[2] or remaining[2] or WINDOW_S))
