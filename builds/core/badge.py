"""A badge as SVG: a label, a value, a colour. Draws; what it says is the view's business."""

from __future__ import annotations

from html import escape
from typing import Literal

from lib.humanize import format_size

Tone = Literal["good", "bad", "busy", "plain", "unknown"]

MOST_LABEL = 40
_HEIGHT, _PAD = 20, 6
# Text on it is white: each at least 4.5 to 1.
_COLOURS: dict[Tone, str] = {
    "good": "#1f7a3d", "bad": "#b3261e", "busy": "#0b63b5", "plain": "#0b63b5", "unknown": "#6b6b6b",
}  # fmt: skip
# Widths of Verdana at 11 px, to the half pixel, by groups of characters; anything else is as wide as an "m".
_WIDTHS = {
    **dict.fromkeys("ijlI.,:;|!'` ", 4.0),
    **dict.fromkeys('frt()[]{}-/\\"', 5.0),
    **dict.fromkeys("abcdeghknopqsuvxyzJLF0123456789_+=<>~?*^$", 7.0),
    **dict.fromkeys("ABCDEGHKNOPQRSTUVXYZ&#", 8.0),
}
_WIDEST = 11.0

_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{title}">
<title>{title}</title>
<clipPath id="r"><rect width="{width}" height="20" rx="3"/></clipPath>
<g clip-path="url(#r)"><rect width="{left}" height="20" fill="#4a4a4a"/>
<rect x="{left}" width="{right}" height="20" fill="{colour}"/></g>
<g fill="#fff" text-anchor="middle" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11">
<text x="{label_x}" y="14" textLength="{label_width}">{label}</text>
<text x="{value_x}" y="14" textLength="{value_width}">{value}</text></g>
</svg>
"""


def draw(label: str, value: str, tone: Tone) -> str:
    """The badge; label and value are cut to forty characters, and whatever stands in them is text."""
    label, value = _shortened(label), _shortened(value)
    label_width, value_width = _width(label), _width(value)
    left, right = label_width + 2 * _PAD, value_width + 2 * _PAD
    return _SVG.format(
        width=left + right,
        left=left,
        right=right,
        colour=_COLOURS[tone],
        title=escape(f"{label}: {value}"),
        label=escape(label),
        value=escape(value),
        label_width=label_width,
        value_width=value_width,
        label_x=left / 2,
        value_x=left + right / 2,
    )


def state_words(state: str | None) -> tuple[str, Tone]:
    """What the status badge says of the newest build that ended; None where there is none."""
    known: dict[str | None, tuple[str, Tone]] = {
        "succeeded": ("passing", "good"), "failed": ("failing", "bad"), None: ("unknown", "unknown"),
    }  # fmt: skip
    return known.get(state, (state or "unknown", "unknown"))


def size_words(size_bytes: int | None) -> tuple[str, Tone]:
    """What the size badge says: what a pull transfers."""
    return ("unknown", "unknown") if size_bytes is None else (format_size(size_bytes), "plain")


def _shortened(text: str) -> str:
    text = "".join(c for c in text if c.isprintable())
    return text if len(text) <= MOST_LABEL else f"{text[: MOST_LABEL - 1]}…"


def _width(text: str) -> int:
    return round(sum(_WIDTHS.get(character, _WIDEST) for character in text)) or 1
