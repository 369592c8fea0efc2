"""The tables of this room; import them from here."""

from __future__ import annotations

from webhooks.models.connection import Asked, ForgeConnection, ListedRepository, SourceLink
from webhooks.models.delivery import LARGE, Delivery, DeliveryQuerySet, pack_body
from webhooks.models.notification import Notification, NotificationQuerySet, Subscription
from webhooks.models.status import CommitStatus
from webhooks.models.trigger import TriggerCall, TriggerToken

__all__ = [
    "LARGE",
    "Asked",
    "CommitStatus",
    "Delivery",
    "DeliveryQuerySet",
    "ForgeConnection",
    "ListedRepository",
    "Notification",
    "NotificationQuerySet",
    "SourceLink",
    "Subscription",
    "TriggerCall",
    "TriggerToken",
    "pack_body",
]
