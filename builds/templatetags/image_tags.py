"""Tags and filters of the pages that show images. No queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from builds.core import json_values
from builds.core.image_compare import joined
from builds.core.secret_words import looks_secret

register = template.Library()
_LONGEST = 600
_MEANINGLESS = 1970


@register.simple_tag
def instruction(words: str) -> SafeString:
    """`RUN apt-get update`, its keyword set apart; a very long one is cut."""
    keyword, space, rest = words.partition(" ")
    rest = rest if len(rest) <= _LONGEST else f"{rest[:_LONGEST]}…"
    if keyword.isupper() and keyword.isalpha():
        return format_html("<b>{}</b>{}{}", keyword, space, rest)
    return format_html("{}{}{}", keyword, space, rest)


@register.simple_tag
def share(part: float) -> str:
    """A share from 0 to 1 in the hundredths that a bar is drawn in."""
    return f"{max(min(part, 1.0), 0.0) * 100:.2f}"


@register.filter
def exec_form(words: Sequence[str]) -> str:
    """`python -m http.server`; words with spaces in quotes."""
    return joined(words)


@register.filter
def moment(text: str) -> datetime | None:
    """A time out of an image; None where it says 1970 or less, as reproducible builds do."""
    at = json_values.moment(text)
    return at if at and at.year > _MEANINGLESS else None


@register.simple_tag
def took(started: str, finished: str) -> float | None:
    """Seconds between two times out of an image."""
    begin, end = json_values.moment(started), json_values.moment(finished)
    return (end - begin).total_seconds() if begin and end else None


@register.filter
def hides(name: str, value: str) -> bool:
    """Whether the value of a build argument is left out, as it looks like a secret."""
    return looks_secret(name.removeprefix("build-arg:"), value)


@register.filter(name="of")
def value_of(values: Mapping[str, Any], key: str) -> Any:
    """`{{ sizes|of:row.digest }}`; None where there is none."""
    return values.get(key) if values else None
