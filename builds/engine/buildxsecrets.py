"""What one run of buildx gets that nobody else may read: logins, build secrets, SSH keys. All in one private directory.

The command line names files and never a value. buildx itself is the SSH agent of the run: it reads the key files and
answers to `RUN --mount=type=ssh`, so that no agent process and no socket outlives it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from builds.engine.workspace import private_directory, write_private

# Docker's own registry is known to its clients by this key only.
_DOCKER_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_DOCKER_HUB_KEY = "https://index.docker.io/v1/"


@dataclass(frozen=True, slots=True)
class RegistryAuth:
    """A login for one registry, `host[:port]` as it stands in image names."""

    host: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PrivateFiles:
    """`docker_config` is the DOCKER_CONFIG of the run; `arguments` are options of `buildx build`."""

    docker_config: Path
    arguments: tuple[str, ...]


@contextmanager
def private_files(
    auths: Sequence[RegistryAuth], secrets: Mapping[str, str], ssh: Mapping[str, str]
) -> Iterator[PrivateFiles]:
    """Write them down for one run, in memory where possible; nothing of it is left afterwards.

    `secrets` and `ssh` are values by id. A secret's file has exactly its characters, in UTF-8.
    """
    with private_directory() as folder:
        write_private(folder / "config.json", json.dumps({"auths": _logins(auths)}))
        arguments = []
        for place, (name, value) in enumerate(secrets.items()):
            path = write_private(folder / f"secret-{place}", value.encode("utf-8", "surrogatepass"))
            arguments.append(f"--secret=id={name},src={path}")
        for place, (name, key) in enumerate(ssh.items()):
            path = write_private(folder / f"key-{place}", key.replace("\r\n", "\n").strip() + "\n")
            arguments.append(f"--ssh={name}={path}")
        yield PrivateFiles(folder, tuple(arguments))


def _logins(auths: Sequence[RegistryAuth]) -> dict[str, dict[str, str]]:
    return {
        _DOCKER_HUB_KEY if auth.host in _DOCKER_HUB else auth.host: {
            "auth": base64.b64encode(f"{auth.username}:{auth.password}".encode()).decode()
        }
        for auth in auths
    }
