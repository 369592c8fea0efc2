"""Tags for pages of one repository: the pushes that were missed, as a question to its members."""

from __future__ import annotations

from django import template

from builds.models import CatchUp
from registry.models import Repository

register = template.Library()


@register.simple_tag
def missed_pushes(repository: Repository) -> CatchUp | None:
    """`{% missed_pushes repository as question %}`: what members are asked about, or None. One query."""
    return CatchUp.objects.filter(source__repository=repository, decided_at=None).first()
