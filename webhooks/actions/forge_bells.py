"""Ringing for what was asked of forges and not done yet: a lost bell costs a tick."""

from __future__ import annotations

from datetime import datetime

from lib.queue import enqueue
from webhooks.actions.statuses import any_due
from webhooks.models import Asked, ForgeConnection, SourceLink

RINGS = 16


def ring_for_forges(now: datetime) -> None:
    """One ring for each thing that somebody waits for."""
    if any_due(now):
        enqueue("webhooks.send_statuses", expires_s=9)
    for state, task in (("check_state", "webhooks.check_connection"), ("list_state", "webhooks.list_repositories")):
        asked = ForgeConnection.objects.filter(**{state: Asked.ASKED})
        for pk in asked.values_list("pk", flat=True)[:RINGS]:
            enqueue(task, pk, expires_s=9)
    for pk in SourceLink.objects.exclude(errand="").values_list("pk", flat=True)[:RINGS]:
        enqueue("webhooks.run_forge_errand", pk, expires_s=9)
