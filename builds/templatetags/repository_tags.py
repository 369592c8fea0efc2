"""Tags for pages of one repository, whichever room they belong to: what the visitor may do, and the pull command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from django import template
from django.template import RequestContext
from django.utils.safestring import SafeString, mark_safe

from accounts.access import Access
from builds.core.states import FINAL
from builds.templatetags.builds_extras import tone_of
from builds.views.lookup import access_to
from lib.humanize import format_duration
from registry.models import Repository, Tag

register = template.Library()

# Of a spark line, in pixels.
BARS, STEP, HEIGHT = 20, 6, 24.0


@register.simple_tag(takes_context=True, name="access_to")
def access(context: RequestContext, repository: Repository) -> Access:
    """`{% access_to repository as access %}`: what buttons to show. The views check it again."""
    return access_to(context["request"], repository)


@register.simple_tag
def pull_command(repository: Repository) -> str:
    """`docker pull …` of the tag that most people want; "" before there is an image. One or two queries."""
    rows = Tag.objects.filter(repository=repository)
    tag = rows.filter(name="latest").first() or rows.floating().first() or rows.first()
    return f"docker pull {repository.image}:{tag.name}" if tag else ""


class Bar(Protocol):
    """What a spark line asks of a build."""

    @property
    def number(self) -> int: ...
    @property
    def state(self) -> str: ...
    @property
    def seconds(self) -> float: ...


@register.simple_tag
def spark(bars: Sequence[Bar]) -> SafeString:
    """A spark line of up to 20 durations, oldest first, in the colours of their states; each bar has a title.

    Written by hand, since a table of 25 rows has 500 bars; nothing of it comes from a person.
    """
    # A build that hangs must not flatten all the others: what still runs does not stretch the scale.
    over = [bar.seconds for bar in bars if bar.state in FINAL]
    longest = max(over or [bar.seconds for bar in bars], default=0.0) or 1.0
    drawn = []
    for x, bar in enumerate(bars, BARS - len(bars)):
        seconds = bar.seconds
        tall = min(HEIGHT, max(2.0, HEIGHT * seconds / longest))
        drawn.append(
            f'<rect class="spark-{tone_of(bar.state)}" x="{x * STEP}" y="{HEIGHT - tall:.1f}" height="{tall:.1f}">'
            f"<title>#{bar.number} {bar.state}, {format_duration(seconds)}</title></rect>"
        )
    return mark_safe(  # noqa: S308 — numbers and our own words
        f'<svg class="spark" viewBox="0 0 {BARS * STEP} {HEIGHT}" role="img"'
        f' aria-label="Durations of the last {len(bars)} builds">{"".join(drawn)}</svg>'
    )
