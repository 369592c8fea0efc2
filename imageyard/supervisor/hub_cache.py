"""A second registry that keeps what was pulled from Docker Hub, so that its limit is met once for each image.

It is a pull-through cache (CNCF Distribution, `proxy.remoteurl`): it takes no pushes, asks the upstream whether a tag
moved, and forgets what nobody pulled for a week. It has no account there: whoever reaches it would read with that.
"""

from __future__ import annotations

from pathlib import Path

from imageyard.supervisor.child import Child
from imageyard.supervisor.registry import Registry
from registry.core.kinds import DOCKER_HUB_HOST, api_host

UPSTREAM = f"https://{api_host(DOCKER_HUB_HOST)}"


class HubCache(Registry):
    """The cache, on a port and with a folder of its own."""

    waiting_for = "the cache for Docker Hub to answer"

    def __init__(self, home: Path, host: str, upstream: str = UPSTREAM) -> None:
        super().__init__(home, host, {"proxy": {"remoteurl": upstream}})
        self.folder = home / "hub-cache"
        self.config = home / "hub-cache.json"
        environment = self.child.env
        argv = ["docker-registry", "serve", str(self.config)]
        self.child = Child("The cache for Docker Hub", argv, log=home / "log/hub-cache.log")
        self.child.env.update(environment)
