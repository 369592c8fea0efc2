"""Tags for the Rules page: which rules are paused, the time zones there are, and a run as its zone's clock shows it."""

from __future__ import annotations

from datetime import datetime

from django import template

from builds.core.schedule import zones
from builds.models import BuildRule, Source

register = template.Library()


@register.simple_tag
def paused_rules(source: Source | None) -> list[BuildRule]:
    """`{% paused_rules source as paused %}`: the rules that failed too often and build by hand alone. One query."""
    return list(BuildRule.objects.filter(source=source).exclude(paused_at=None)) if source else []


@register.simple_tag
def time_zones() -> list[str]:
    """`{% time_zones as zones %}`: the names by region, in order."""
    return sorted(zones())


@register.filter
def run_at(moment: datetime) -> str:
    """`Sun 29 Mar 2026, 03:00 CEST`: by the schedule's own clock, whatever zone the page is in."""
    return f"{moment:%a %-d %b %Y, %H:%M %Z}"
