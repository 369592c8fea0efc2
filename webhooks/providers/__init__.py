"""Forges whose webhooks Imageyard reads, by the name in the webhook address: one module each, and this table."""

from __future__ import annotations

from webhooks.providers.base import (
    MOST_CHANGES,
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
from webhooks.providers.bitbucket import Bitbucket
from webhooks.providers.generic import Generic
from webhooks.providers.gitea import Gitea
from webhooks.providers.github import GitHub
from webhooks.providers.gitlab import GitLab

__all__ = [
    "MOST_CHANGES",
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

PROVIDERS: dict[str, Provider] = {
    provider.forge: provider for provider in (GitHub(), GitLab(), Gitea(), Bitbucket(), Generic())
}
