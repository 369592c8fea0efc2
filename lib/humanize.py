"""Sizes, durations, times and hashes as people read them: pure text, no Django and no clock."""

from __future__ import annotations

from datetime import datetime

_UNITS = ("kB", "MB", "GB", "TB", "PB")
_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_THOUSAND = 1000
_TWO_DIGITS = 10
_YEAR = 365 * _DAY
# Each span is said in `unit` until it reaches `below`: "1 week" is never said where "9 d" tells more.
_SPANS = (
    (_MINUTE, 1, "s"),
    (_HOUR, _MINUTE, "min"),
    (2 * _DAY, _HOUR, "h"),
    (14 * _DAY, _DAY, "d"),
    (60 * _DAY, 7 * _DAY, "weeks"),
    (2 * _YEAR, 30 * _DAY, "months"),
)
COMMIT_LENGTH = 7
DIGEST_LENGTH = 12
_SHOWN = 100


def format_duration(seconds: float | None) -> str:
    """Say a duration: `0.4 s`, `12 s`, `1 m 04 s`, `2 h 05 m`, `3 d 04 h`; a dash where there is none.

    A negative duration (clocks of two machines) reads as `0 s`: nobody is helped by "-0.2 s".
    """
    if seconds is None:
        return "–"
    if seconds < _TWO_DIGITS:
        tenths = round(max(seconds, 0.0), 1)
        return f"{tenths:.1f} s" if 0 < tenths < _TWO_DIGITS else f"{tenths:.0f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} m {whole % _MINUTE:02d} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} m"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR:02d} h"


def format_size(size_bytes: int | None) -> str:
    """Say a size in decimal units, as disks and registries do: `512 B`, `84.2 MB`; a dash where there is none."""
    if size_bytes is None:
        return "–"
    if abs(size_bytes) < _THOUSAND:
        return f"{size_bytes} B"
    value = float(size_bytes)
    for unit in _UNITS:
        value /= _THOUSAND
        # 999.95 would be written "1000.0": it belongs to the next unit.
        if round(abs(value), 1) < _THOUSAND or unit == _UNITS[-1]:
            break
    return f"{value:.1f} {unit}"


def format_ago(then: datetime | None, now: datetime) -> str:
    """Say how long ago something was: `just now`, `40 s ago`, `5 min ago`, `2 h ago`, `3 d ago`, `5 months ago`.

    Both times must be aware, or both naive. A time up to a minute ahead of `now` is a clock that runs a little fast
    and reads as `just now`; further ahead it reads `in 5 min`. `never` where there is no time.
    """
    if then is None:
        return "never"
    seconds = (now - then).total_seconds()
    if -_MINUTE < seconds < _TWO_DIGITS:
        return "just now"
    span = _span(abs(seconds))
    return f"{span} ago" if seconds > 0 else f"in {span}"


def _span(seconds: float) -> str:
    whole = int(seconds)
    for below, unit, name in _SPANS:
        if whole < below:
            return f"{whole // unit} {name}"
    return f"{whole // _YEAR} years"


def short_commit(commit: str) -> str:
    """Cut a commit to the seven characters that people say: `a1b2c3d`. Text that is not a hash stays whole."""
    return commit[:COMMIT_LENGTH] if _is_hex(commit) else commit


def short_digest(digest: str) -> str:
    """Cut `sha256:…` to the twelve characters that `docker images` shows, without the algorithm."""
    algorithm, colon, value = digest.rpartition(":")
    return value[:DIGEST_LENGTH] if (colon and algorithm and _is_hex(value)) or _is_hex(digest) else digest


def _is_hex(text: str) -> bool:
    return bool(text) and all(character in "0123456789abcdef" for character in text)


def plural(count: int, one: str, many: str = "") -> str:
    """Say a count with its noun: `1 build`, `2 builds`, `1,000 builds`; `many` where an s is not enough."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def quoted(text: str) -> str:
    """`text` between backticks as it stands in sentences, cut where nobody would read on."""
    return f"`{text[: _SHOWN - 1]}…`" if len(text) > _SHOWN else f"`{text}`"
