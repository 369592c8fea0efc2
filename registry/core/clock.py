"""Times in a registry's headers: how long it wants rest, and how far its clock is from ours. Text and numbers in."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read `Retry-After` in seconds: a number, or a date, counted from the answer's own `Date` (RFC 9110 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    then, now = _date(value), _date(headers.get("date", ""))
    return max(then - now, 0.0) if then is not None and now is not None else None


def clock_skew(headers: Mapping[str, str], now: float) -> float | None:
    """Give the answerer's clock minus ours in seconds (`now` is Unix time); None where it sends no `Date`."""
    then = _date(headers.get("date", ""))
    return None if then is None else then - now


def _date(value: str) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
