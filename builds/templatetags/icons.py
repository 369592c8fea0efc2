"""Tabler's outline icons, drawn into the page from the SVG files that npm brought."""

from __future__ import annotations

import re
from functools import lru_cache

from django import template
from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

_INSIDE = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)
# Tabler's drawings open with an empty box that gives the size; it paints nothing.
_BOX = re.compile(r'\s*<path stroke="none"[^>]*/>')


@lru_cache(maxsize=512)
def draw(name: str, css_class: str = "") -> SafeString:
    """An inline `<svg>` of Tabler's icon `name`; an empty one where the file is missing (parts not installed)."""
    return format_html(
        '<svg class="{}" width="24" height="24" viewBox="0 0 24 24" fill="none" stroke="currentColor"'
        ' stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">'
        "{}</svg>",
        f"icon {css_class}".rstrip(),
        _paths(name),
    )


@lru_cache(maxsize=256)
def _paths(name: str) -> SafeString:
    path = settings.ICONS / f"{name}.svg"
    inside = _INSIDE.search(path.read_text()) if path.is_file() else None
    text = _BOX.sub("", inside.group(1)).strip() if inside else ""
    return mark_safe(text)  # noqa: S308 — a file of a locked npm package, named by our templates
