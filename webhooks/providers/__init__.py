"""Forges whose webhooks Imageyard reads, by the name in the webhook address: one module each, and this table."""

from __future__ import annotations

from webhooks.providers.base import (
    Event,
    ForgeRepository,
    FormatError,
    HeadRepository,
    Ignored,
    ManyPushes,
    Ping,
    Provider,
    PullRequestAction,
    PullRequestEvent,
    PushEvent,
)
from webhooks.providers.github import GitHub

__all__ = [
    "PROVIDERS",
    "Event",
    "ForgeRepository",
    "FormatError",
    "HeadRepository",
    "Ignored",
    "ManyPushes",
    "Ping",
    "Provider",
    "PullRequestAction",
    "PullRequestEvent",
    "PushEvent",
]

PROVIDERS: dict[str, Provider] = {provider.forge: provider for provider in (GitHub(),)}
