"""Pictures in SVG, drawn on the server: how long builds took, and how large a tag's images are. Each part is a link."""

from __future__ import annotations

from django import template
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import localtime

from builds.core.history import COLUMNS, DEEP, PITCH, TALL, WIDTH, Column, Picture
from builds.core.states import FINAL, State
from builds.core.trend import HIGH, WIDE, Size, Trend
from builds.templatetags.builds_extras import tone_of
from lib.humanize import format_duration, format_size
from registry.models import Repository

register = template.Library()

# Room between the two kinds of bars for the marks, which tell results apart where colours do not.
_GAP = 18.0
_MARK = 4.0
# Each in a box from -1 to 1. Cancelled and superseded share a square: nothing went wrong, nothing came of it.
_MARKS = {
    "ok": "M-1 0.1 L-0.3 0.8 L1 -0.7",
    "bad": "M-0.8 -0.8 L0.8 0.8 M-0.8 0.8 L0.8 -0.8",
    "idle": "M-0.6 -0.6 H0.6 V0.6 H-0.6 Z",
    "run": "M-0.5 -0.9 L0.8 0 L-0.5 0.9 Z",
}


@register.simple_tag
def mark(tone: str) -> SafeString:
    """`{% mark "bad" %}`: a result's mark alone, for the legend."""
    return format_html(
        '<svg class="chart-key mark-{}" viewBox="-1.5 -1.5 3 3" aria-hidden="true"><path d="{}"/></svg>',
        tone,
        _MARKS[tone],
    )


@register.simple_tag
def bars(picture: Picture, repository: Repository) -> SafeString:
    """`{% bars history.picture repository %}`: a column for each build, with its result, and a link to it."""
    wide, high = COLUMNS * PITCH, TALL + _GAP + DEEP
    base = reverse("repository-builds", args=[repository.namespace.name, repository.name])
    drawn = "".join(_column(column, base, high) for column in picture.columns)
    return mark_safe(  # noqa: S308 — numbers, our own words, and an address that `reverse` has quoted
        f'<svg class="chart-bars" viewBox="0 0 {wide} {high:g}" role="group" aria-label="The last builds, oldest'
        f' first: how long each took, and below how long it waited">'
        f'<line class="chart-axis" x1="0" x2="{wide}" y1="{TALL}" y2="{TALL}"/>'
        f'<line class="chart-axis" x1="0" x2="{wide}" y1="{TALL + _GAP}" y2="{TALL + _GAP}"/>{drawn}</svg>'
    )


def _column(column: Column, base: str, high: float) -> str:
    tone, told, x = tone_of(column.build.state), _told(column), column.x
    left = x - (PITCH - WIDTH) / 2
    cut = f'<path class="chart-cut" d="M{x - 1:g} 7 l{WIDTH + 2} -4"/>' if column.is_cut else ""
    wait_cut = f'<path class="chart-cut" d="M{x - 1:g} {high - 3:g} l{WIDTH + 2} -4"/>' if column.is_wait_cut else ""
    return (
        f'<a class="chart-link" href="{base}/{column.build.number}" aria-label="{told}"><title>{told}</title>'
        f'<rect class="chart-hit" x="{left:g}" y="0" width="{PITCH}" height="{high:g}" rx="2"/>'
        f'<rect class="spark-{tone}" x="{x:g}" y="{TALL - column.took:g}" width="{WIDTH}" height="{column.took:g}"'
        f' rx="1.5"/>{cut}'
        f'<path class="chart-mark mark-{tone}" d="{_MARKS[tone]}" transform="translate({x + WIDTH / 2:g}'
        f' {TALL + _GAP / 2:g}) scale({_MARK:g})"/>'
        f'<rect class="chart-wait" x="{x:g}" y="{TALL + _GAP:g}" width="{WIDTH}" height="{column.waited:g}" rx="1.5"/>'
        f"{wait_cut}</a>"
    )


def _told(column: Column) -> str:
    build = column.build
    took = "" if build.took_s is None else f", {_took(build.state)} {format_duration(build.took_s)}"
    return f"#{build.number} {build.state}{took}, waited {format_duration(build.waited_s)}"


def _took(state: str) -> str:
    return "took" if State(state) in FINAL else "runs for"


@register.simple_tag
def sizes(trend: Trend, repository: Repository) -> SafeString:
    """`{% sizes trend repository %}`: the size of a tag over 30 days, each move a link to its build."""
    base = reverse("repository-builds", args=[repository.namespace.name, repository.name])
    drawn = format_html_join(
        "",
        '<a class="chart-link" href="{}/{}" aria-label="{}"><title>{}</title>'
        '<circle class="chart-hit" cx="{}" cy="{}" r="7"/><circle class="chart-dot" cx="{}" cy="{}" r="2.5"/></a>',
        ((base, dot.size.build, *[_told_size(trend.tag, dot.size)] * 2, *[dot.x, dot.y] * 2) for dot in trend.dots),
    )
    return format_html(
        '<svg class="chart-sizes" viewBox="0 0 {} {}" role="group" aria-label="Sizes of {} within 30 days">'
        '<polyline class="chart-line" points="{}"/>{}</svg>',
        f"{WIDE:g}",
        f"{HIGH:g}",
        trend.tag,
        trend.line,
        drawn,
    )


def _told_size(tag: str, size: Size) -> str:
    return f"{tag}: {format_size(size.size_bytes)}, build #{size.build} of {localtime(size.at):%Y-%m-%d}"
