"""Tags for pages of rooms below, which must not import this one: what the ledger holds that needs a person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import template
from django.db.models import F, Q
from django.utils import timezone

from webhooks.models import Delivery

register = template.Library()

MOST = 5
RECENT = timedelta(days=7)


@register.simple_tag
def refused_deliveries(user: Any) -> list[Delivery]:
    """Refused deliveries of the last week that no good one followed, newest first, one for each source."""
    refused = Delivery.objects.visible_to(user).filter(
        Q(source__last_delivery_at=None) | Q(source__last_delivery_at__lt=F("received_at")),
        status=Delivery.Status.REFUSED,
        received_at__gt=timezone.now() - RECENT,
    )
    named = ("source__repository__name", "source__repository__namespace__name")
    rows = refused.select_related("source__repository__namespace").only("source_id", "sentence", "received_at", *named)
    newest: dict[Any, Delivery] = {}
    for delivery in rows.order_by("-received_at")[: 10 * MOST]:
        newest.setdefault(delivery.source_id, delivery)
    return list(newest.values())[:MOST]
