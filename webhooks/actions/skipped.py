"""What a delivery skips because of a mark in the message, told to the room below, which shows it among the builds."""

from __future__ import annotations

from builds.actions.skips import note_skipped
from builds.models import Source
from webhooks.actions.building import parts_of
from webhooks.actions.decide import Decision, Status
from webhooks.models import Delivery
from webhooks.providers import Event, PushEvent


def note_skipped_pushes(delivery: Delivery, source: Source, event: Event, decision: Decision) -> None:
    """One row for each ref of the delivery that was skipped; inside the caller's transaction."""
    for change, part in parts_of(event, decision):
        if isinstance(change, PushEvent) and part.status == Status.SKIPPED:
            note_skipped(
                source, change.ref, change.commit, part.sentence, message=change.message, delivery_id=delivery.pk
            )
