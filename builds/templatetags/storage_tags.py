"""Pictures of storage in SVG, drawn on the server: how it grows, and how much of a quota is used."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from builds.views.lookup import access_to
from lib.humanize import format_size
from registry.actions.quotas import push_refusal
from registry.core.quota import QuotaUse
from registry.core.usage import EDGE, HIGH, WIDE, Growth
from registry.models import Repository

register = template.Library()
_TONES = {"none": "ok", "ok": "ok", "warn": "warn", "nearly": "bad", "over": "bad"}


@register.simple_tag
def growth_picture(growth: Growth) -> SafeString:
    """`{% growth_picture growth %}`: an area over the days; its sentence stands beside it, and is its name here."""
    return format_html(
        '<svg class="growth" viewBox="0 0 {} {}" role="img" aria-label="{}" preserveAspectRatio="none">'
        '<line class="chart-axis" x1="{}" x2="{}" y1="{}" y2="{}"/>'
        '<polygon class="growth-area" points="{}"/><polyline class="chart-line" points="{}"/></svg>',
        f"{WIDE:g}",
        f"{HIGH:g}",
        f"{growth.sentence} Between {format_size(growth.least)} and {format_size(growth.most)}.",
        f"{EDGE:g}",
        f"{WIDE - EDGE:g}",
        f"{HIGH - EDGE:g}",
        f"{HIGH - EDGE:g}",
        growth.area,
        growth.line,
    )


@register.simple_tag(takes_context=True)
def quota_refusal(context: template.Context, repository: Repository) -> str:
    """`{% quota_refusal repository as full %}`: why nothing more can be pushed, for members; "" for others."""
    return push_refusal(repository) if access_to(context["request"], repository).is_member else ""


@register.filter
def quota_tone(quota: QuotaUse) -> str:
    """The tone of its bar: `ok`, `warn` from 80 %, `bad` from 95 %."""
    return _TONES[quota.level]
