"""Tags for pages of rooms below: what the forge knows of a build, and which connections fail. One query each."""

from __future__ import annotations

from typing import Any

from django import template
from django.db.models import Q
from django.utils import timezone
from django.utils.timezone import localtime

from builds.models import Build
from webhooks.models import Asked, CommitStatus, ForgeConnection, SourceLink
from webhooks.reading import told_sentence

register = template.Library()


MOST = 5
SEVERAL = 3


@register.simple_tag
def failing_connections(user: Any) -> list[ForgeConnection]:
    """Connections in use that need somebody with the admin role: refused, or failing several times in a row."""
    failing = Q(check_state=Asked.FAILED) | Q(failures__gte=SEVERAL)
    rows = ForgeConnection.objects.administered_by(user).filter(failing, links__isnull=False)
    return list(rows.for_page().distinct()[:MOST])


@register.inclusion_tag("webhooks/_forge_status.html")
def forge_status(build: Build) -> dict[str, Any]:
    """`{% forge_status build %}`: "GitHub knows: success", or why not; nothing where no status is reported."""
    row = (
        CommitStatus.objects.filter(build=build, source__forge_link__reports_status=True)
        .select_related("source__forge_link__connection")
        .defer("source__forge_link__connection__token", "source__forge_link__connection__private_key")
        .first()
    )
    if row is None:
        return {"status": None}
    link: SourceLink = row.source.forge_link
    is_late = row.is_given_up or bool(row.sentence)
    told = localtime(row.told_at).strftime("%Y-%m-%d %H:%M") if row.told_at else "not told yet"
    return {
        "status": {
            "icon": "alert-triangle" if is_late and not row.is_told else "cloud-check" if row.is_told else "cloud-up",
            "sentence": told_sentence(row, link.connection, timezone.now()),
            "title": f"{row.context}: {row.sentence or told}",
            "is_bad": row.is_given_up,
        }
    }
