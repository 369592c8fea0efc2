"""Where the buildx client is and what it runs with, for builds and for asking the builder. Builds nothing."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

# Where Docker's packages and Debian's put CLI plugins, and where people do (docs.docker.com, "Install Buildx").
PLUGIN_FOLDERS = (
    Path.home() / ".docker/cli-plugins",
    Path("/usr/local/lib/docker/cli-plugins"),
    Path("/usr/local/libexec/docker/cli-plugins"),
    Path("/usr/libexec/docker/cli-plugins"),
    Path("/usr/lib/docker/cli-plugins"),
)
_PLUGIN = "docker-buildx"


@lru_cache(maxsize=1)
def client_argv() -> tuple[str, ...]:
    """How buildx is started: the plugin by itself, which saves a process and 0.07 s, or else through `docker`."""
    for folder in PLUGIN_FOLDERS:
        if os.access(folder / _PLUGIN, os.X_OK):
            return (str(folder / _PLUGIN),)
    standalone = shutil.which("buildx") or shutil.which(_PLUGIN)
    return (standalone,) if standalone else ("docker", "buildx")


def client_env(*, docker_config: Path, buildx_config: Path, docker_host: str) -> dict[str, str]:
    """The whole environment of the client.

    `docker_config` holds the logins. `buildx_config` is made: builders that the operator created are linked into it,
    and what buildx keeps of every build for its own history stays there and goes with the run.
    """
    buildx_config.mkdir(parents=True, exist_ok=True)
    instances = Path.home() / ".docker/buildx/instances"
    if instances.is_dir():
        with suppress(FileExistsError):
            (buildx_config / "instances").symlink_to(instances)
    env = {
        "PATH": os.pathsep.join(os.get_exec_path()),
        "HOME": str(Path.home()),
        "LC_ALL": "C.UTF-8",
        "DOCKER_CONFIG": str(docker_config),
        "BUILDX_CONFIG": str(buildx_config),
        "BUILDX_METADATA_PROVENANCE": "max",
        "BUILDX_METADATA_WARNINGS": "1",
        # It would look for a repository around the context, and find that of whoever installed Imageyard.
        "BUILDX_GIT_INFO": "false",
        "BUILDX_GIT_LABELS": "false",
    }
    return env | ({"DOCKER_HOST": docker_host} if docker_host else {})
