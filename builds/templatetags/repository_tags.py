"""Tags for pages of one repository, whichever room they belong to: what the visitor may do, and the pull command."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import RequestContext

from builds.models import Build
from builds.templatetags.builds_extras import build_duration, duration, tone_of
from builds.views.lookup import Access, access_to
from registry.models import Repository, Tag

register = template.Library()


@register.simple_tag(takes_context=True, name="access_to")
def access(context: RequestContext, repository: Repository) -> Access:
    """`{% access_to repository as access %}`: what buttons to show. The views check it again."""
    return access_to(context["request"], repository)


@register.simple_tag
def pull_command(repository: Repository) -> str:
    """`docker pull …` of the tag that most people want; "" before there is an image. One or two queries."""
    rows = Tag.objects.filter(repository=repository)
    tag = rows.filter(name="latest").first() or rows.exclude(name__startswith="build-").first() or rows.first()
    return f"docker pull {repository.image}:{tag.name}" if tag else ""


@register.simple_tag
def spark(builds: list[Build], width: int = 120, height: int = 24) -> list[dict[str, Any]]:
    """The bars of a spark line of up to 20 durations, oldest first: x, y, w, h in pixels, tone, and a title."""
    spans = [build_duration(build) or 0.0 for build in builds]
    longest = max(spans, default=0.0) or 1.0
    step = width / 20
    first = 20 - len(builds)
    return [
        {
            "x": round((first + place) * step, 1),
            "y": round(height - max(2.0, height * span / longest), 1),
            "w": round(step - 1.5, 1),
            "h": round(max(2.0, height * span / longest), 1),
            "tone": tone_of(build),
            "title": f"#{build.number} {build.state}, {duration(span)}",
        }
        for place, (build, span) in enumerate(zip(builds, spans, strict=True))
    ]
