"""The way from a failed build to the image of what stood before its failing step."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import RequestContext

from builds.actions.debug_images import newest_of, why_no_debug_image
from builds.core.states import State
from builds.models import Build
from builds.views.lookup import access_to

register = template.Library()


@register.inclusion_tag("builds/_debug_button.html", takes_context=True)
def debug_button(context: RequestContext, build: Build) -> dict[str, Any]:
    """`{% debug_button build %}`: nothing where there is no step to debug, or nobody who may. At most one query."""
    request = context["request"]
    if build.state != State.FAILED or not access_to(request, build.repository).can_write:
        return {"shows": False}
    image = None if why_no_debug_image(build) else newest_of(build)
    return {
        "shows": not why_no_debug_image(build),
        "build": build,
        "repository": build.repository,
        "is_there": image is not None and image.is_living,
        "csrf_token": context.get("csrf_token"),
    }
