"""A docker client that is logged in at one registry, in a private configuration: nobody's own log-ins are touched."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imageyard.supervisor.child import PartError


@contextmanager
def docker_login(docker_host: str, registry: str, username: str, password: str) -> Iterator[Path]:
    """A folder for DOCKER_CONFIG, which goes at the end. Raises PartError in docker's words where it is refused."""
    with tempfile.TemporaryDirectory(prefix="imageyard-docker-") as folder:
        ran = subprocess.run(
            ["docker", "login", registry, "--username", username, "--password-stdin"],
            env={**os.environ, "DOCKER_HOST": docker_host, "DOCKER_CONFIG": folder},
            input=password,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if ran.returncode != 0:
            raise PartError(f"`docker login {registry}` ended with exit code {ran.returncode}: {ran.stderr.strip()}")
        yield Path(folder)
