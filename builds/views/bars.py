"""Stretches of time as parts of a picture, in percent of its width. What they mean is said where they are drawn."""

from __future__ import annotations

from dataclasses import dataclass

_WHOLE = 100.0


@dataclass(frozen=True, slots=True)
class Bar:
    """`left` and `width` in percent. It `grows` while its step runs: from `begin`, in seconds."""

    left: float
    width: float
    grows: bool = False
    begin: float = 0.0


def bar_of(begin: float, end: float, span: float, *, least: float = 0.3, grows: bool = False) -> Bar:
    """From `begin` to `end` of `span` seconds; never thinner than `least` percent, and never out of the picture."""
    left = min(max(begin / span * _WHOLE, 0.0), _WHOLE - least)
    width = min(max((end - begin) / span * _WHOLE, least), _WHOLE - left)
    return Bar(round(left, 3), round(width, 3), grows, round(begin, 3))
