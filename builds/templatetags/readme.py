"""A README on a page: the registry room's safe rendering, as a filter."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString, mark_safe

from registry.core.readme import render_readme

register = template.Library()


@register.filter
def readme(markdown: str, forge_url: str = "") -> SafeString:
    """Markdown of a stranger as HTML that cannot script; relative links lead below `forge_url`."""
    return mark_safe(render_readme(markdown, forge_url=forge_url))  # noqa: S308 — cleaned by render_readme
