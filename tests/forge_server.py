"""Forges as tests meet them, by their names: each keeps hooks, keys and statuses as the real one would."""

from __future__ import annotations

from tests.forge_base import COMMIT, TOKEN, Asked, Forge, Reply, serving
from tests.forge_github import GitHubServer
from tests.forge_others import BitbucketServer, GiteaServer, GitLabServer

__all__ = ["COMMIT", "SERVERS", "TOKEN", "Asked", "Forge", "GitHubServer", "Reply", "serving"]

SERVERS: dict[str, type[Forge]] = {
    server.kind: server for server in (GitHubServer, GitLabServer, GiteaServer, BitbucketServer)
}
