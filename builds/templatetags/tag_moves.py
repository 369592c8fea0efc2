"""What templates say of tags that people move."""

from __future__ import annotations

from typing import Any

from django import template

from builds.views.tag_hand import hand_of
from registry.models import Repository

register = template.Library()


@register.simple_tag(takes_context=True)
def tag_hand(context: dict[str, Any], repository: Repository, name: str) -> dict[str, Any]:
    """`{% tag_hand repository name as hand %}`: `builds.views.tag_hand.hand_of`."""
    return hand_of(context["request"], repository, name)
