"""What happens to a delivery: it is accepted or refused, and it can be replayed. The ledger is written here alone."""

from __future__ import annotations

from webhooks.actions.accept import accept_delivery
from webhooks.actions.bells import Bell, hold_bells
from webhooks.actions.inbound import Answer, Inbound, Kind
from webhooks.actions.replay import can_replay, can_replay_as_it_was, replay_delivery, why_not_as_it_was

__all__ = [
    "Answer",
    "Bell",
    "Inbound",
    "Kind",
    "accept_delivery",
    "can_replay",
    "can_replay_as_it_was",
    "hold_bells",
    "replay_delivery",
    "why_not_as_it_was",
]
