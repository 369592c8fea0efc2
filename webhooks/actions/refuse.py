"""Refused requests in the ledger: with their reason, and bounded, because a stranger can send as many as they like."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from builds.models import Source
from webhooks.actions.bells import ledger_transaction
from webhooks.actions.inbound import Inbound, kept_body, kept_headers
from webhooks.actions.news import tell_pages
from webhooks.models import Delivery, pack_body

KEPT = 200
"""Refused requests that are kept of a source; older ones go."""
KEPT_BODY_BYTES = 64 * 1024
BURST = 20
"""Unsigned requests refused for one reason within `BURST_SPAN` that get a row each; the rest are counted."""
BURST_SPAN = timedelta(minutes=1)


def record_refusal(source: Source, inbound: Inbound, event: str, sentence: str, *, is_proved: bool) -> Delivery:
    """The row of a refused request, new or, in a flood, the newest of its kind with one more counted on it.

    What the forge did sign always has a row of its own (`is_proved`): no stranger's flood may hide it.
    """
    now = timezone.now()
    refused = Delivery.objects.filter(source=source, status=Delivery.Status.REFUSED)
    with ledger_transaction():
        like_it = refused.filter(received_at__gt=now - BURST_SPAN, sentence=sentence)
        recent = [] if is_proved else list(like_it.values_list("pk", flat=True)[:BURST])
        if len(recent) == BURST:
            refused.filter(pk=recent[0]).update(times=F("times") + 1)
            return Delivery.objects.defer("body", "headers").get(pk=recent[0])
        body = kept_body(inbound.body[:KEPT_BODY_BYTES], source)
        delivery = Delivery.objects.create(
            source=source,
            forge=inbound.forge[:16],
            event=event,
            received_at=now,
            headers=kept_headers(inbound.headers, source.webhook_secret),
            body=b"" if inbound.is_too_large else pack_body(body),
            body_bytes=len(inbound.body),
            status=Delivery.Status.REFUSED,
            sentence=sentence,
        )
        refused.filter(pk__in=list(refused.values_list("pk", flat=True)[KEPT : KEPT + BURST])).delete()
        tell_pages(source)
    return delivery
