"""The tables of this room; import them from here."""

from __future__ import annotations

from webhooks.models.connection import Asked, ForgeConnection, ListedRepository, SourceLink
from webhooks.models.delivery import LARGE, Delivery, DeliveryQuerySet, pack_body
from webhooks.models.status import CommitStatus

__all__ = [
    "LARGE",
    "Asked",
    "CommitStatus",
    "Delivery",
    "DeliveryQuerySet",
    "ForgeConnection",
    "ListedRepository",
    "SourceLink",
    "pack_body",
]
