"""What the comparison of two builds draws: differences with their sign, one-line instructions, bars of layers."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from builds.core.image_compare import LayerRow
from lib.humanize import format_duration, format_size

register = template.Library()
_CLIPPED = 120
_WIDE, _HIGH = 120.0, 14.0


@register.filter
def one_line(words: str) -> str:
    """An instruction on one line, its end left out where it is long: the title has the whole."""
    flat = " ".join(words.partition("@sha256:")[0].split())
    return flat if len(flat) <= _CLIPPED else f"{flat[: _CLIPPED - 1]}…"


@register.filter
def more_or_less(seconds: float) -> str:
    """`+12 s`, `-3 s`; the minus is a real one."""
    return f"{'+' if seconds > 0 else '−'}{format_duration(abs(seconds))}"


@register.filter
def bytes_more_or_less(delta: int) -> str:
    """`+38.1 MB`; other content of the same size says so."""
    return f"{'+' if delta > 0 else '−'}{format_size(abs(delta))}" if delta else "other content"


@register.simple_tag
def layer_bars(row: LayerRow, most: int) -> SafeString:
    """`{% layer_bars row most_bytes %}`: the layer before above the layer after, as wide as they are large.

    For the eye alone: the sizes stand beside it.
    """
    before, after = (
        max(layer.size_bytes / most * _WIDE, 1.0) if layer and layer.size_bytes else 0.0
        for layer in (row.before, row.after)
    )
    return format_html(
        '<svg class="compare-bars" viewBox="0 0 {} {}" aria-hidden="true">'
        '<rect class="compare-bar-before" x="0" y="0" width="{}" height="6" rx="1"/>'
        '<rect class="compare-bar-after" x="0" y="7.5" width="{}" height="6" rx="1"/></svg>',
        *(f"{number:g}" for number in (_WIDE, _HIGH, round(before, 1), round(after, 1))),
    )
