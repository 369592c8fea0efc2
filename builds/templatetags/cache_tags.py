"""The bars of the cache trend in SVG, drawn on the server, and words of steps cut for tables."""

from __future__ import annotations

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from builds.core.cache_trend import PITCH, TALL, WIDTH, Column, HitTrend

register = template.Library()
_CLIPPED = 110
_COLUMN = (
    '<a class="chart-link{0}" href="{1}/{2}?tab=cache" aria-label="{3}"><title>{3}</title>'
    '<rect class="chart-hit" x="{4}" y="0" width="{5}" height="{6}" rx="2"/>'
    '<rect class="cache-bar" x="{7}" y="0" width="{8}" height="{9}" rx="1.5"/>'
    '<rect class="cache-bar-full" x="{7}" y="{10}" width="{8}" height="{11}" rx="1.5"/></a>'
)


@register.filter
def keyword(words: str) -> str:
    """`RUN` of `RUN npm ci`."""
    return next(iter(words.split(maxsplit=1)), "")[:12]


@register.filter
def clip(words: str) -> str:
    """An instruction on one line, its end left out where it is long: the title has the whole."""
    flat = " ".join(words.split())
    return flat if len(flat) <= _CLIPPED else f"{flat[: _CLIPPED - 1]}…"


@register.simple_tag
def hit_bars(trend: HitTrend, base: str) -> SafeString:
    """`{% hit_bars trend builds_url %}`: a bar for each build, full as far as it hit, and a link to its tab."""
    drawn = format_html_join("", _COLUMN, (_column(column, base) for column in trend.columns))
    label = "Share of steps from the cache, build by build, oldest first"
    wide, high = _numbers(max(len(trend.columns), 1) * PITCH, TALL + 6)
    return format_html(
        '<svg class="cache-bars" viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="group" aria-label="{2}">'
        '<line class="chart-axis" x1="0" x2="{0}" y1="{3}" y2="{3}"/>{4}</svg>',
        wide,
        high,
        label,
        f"{TALL:g}",
        drawn,
    )


def _column(column: Column, base: str) -> tuple[str, ...]:
    told, x = column.hits.told, column.x
    whole = TALL if column.hits.share is not None else 0.0
    here = " is-here" if column.is_here else ""
    numbers = _numbers(x - (PITCH - WIDTH) / 2, PITCH, TALL + 6, x, WIDTH, whole, TALL - column.full, column.full)
    return (here, base, str(column.hits.number), told, *numbers)


def _numbers(*values: float) -> list[str]:
    return [f"{round(value, 2):g}" for value in values]
