"""What every sender gives back: what came of one attempt, in words and in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MOST_RESPONSE = 2_000
"""Characters of an answer that are kept."""
_GONE = 410


@dataclass(frozen=True, slots=True)
class Outcome:
    """One attempt. `status` is the receiver's HTTP status where there was one; `sentence` holds no secret.

    `may_pass`: another attempt could end otherwise. `wait_s`: how long the receiver asks to be left alone.
    """

    ok: bool
    sentence: str
    status: int | None = None
    response: str = ""
    wait_s: float = 0.0
    may_pass: bool = True

    @property
    def is_gone(self) -> bool:
        """The receiver says that nobody is there any more, ever (410)."""
        return self.status == _GONE


def retry_after_s(value: str, now: datetime) -> float:
    """Seconds that a `Retry-After` header asks for (RFC 9110, 10.2.3: seconds, or a date); 0 where it says nothing."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text[:9]), 86_400))
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return min(max((when - now).total_seconds(), 0.0), 86_400.0)
