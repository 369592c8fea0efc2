"""The tables of this room; import them from here."""

from __future__ import annotations

from webhooks.models.delivery import LARGE, Delivery, DeliveryQuerySet, pack_body

__all__ = ["LARGE", "Delivery", "DeliveryQuerySet", "pack_body"]
