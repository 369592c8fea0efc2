"""Forges as clients: one module for each, and the one interface that the rest of the room uses. No rows, no Django."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from webhooks.forges import bitbucket, gitea, github, gitlab
from webhooks.forges.base import (
    FINAL_STATES,
    Access,
    Account,
    DeployKey,
    Forge,
    ForgeError,
    Hook,
    HookWish,
    RemoteRepository,
    Status,
    StatusState,
    same_key,
)

__all__ = [
    "FINAL_STATES",
    "WANTS",
    "Access",
    "Account",
    "DeployKey",
    "Forge",
    "ForgeError",
    "Hook",
    "HookWish",
    "RemoteRepository",
    "Status",
    "StatusState",
    "opened",
    "same_key",
]

_Client = github.GitHub | gitlab.GitLab | gitea.Gitea | bitbucket.Bitbucket
_FORGES: dict[str, Callable[[Access, Collection[str]], _Client]] = {
    "github": github.GitHub,
    "gitlab": gitlab.GitLab,
    "gitea": gitea.Gitea,
    "bitbucket": bitbucket.Bitbucket,
}
WANTS = {"github": github.WANTS, "gitlab": gitlab.WANTS, "gitea": gitea.WANTS, "bitbucket": bitbucket.WANTS}
"""What a token must be allowed to, in words, by forge."""


@contextmanager
def opened(access: Access, trusted_hosts: Collection[str]) -> Iterator[Forge]:
    """The client of one forge, for as long as the block. Nothing is asked before the first call."""
    client = _FORGES[access.forge](access, trusted_hosts)
    try:
        yield client
    finally:
        client.api.close()
