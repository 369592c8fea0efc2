"""How full the filesystems are that builds fill, as the kernel counts. Needs no container and changes nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from builds.core.disk import Disk, Holds
from builds.core.errors import BuildError, Stopped
from builds.engine.dockerclient import bare_client
from builds.engine.stopflag import StopFlag
from lib.disks import free_bytes

_ANSWER_S = 5.0
AGAIN_S = 60.0


def measure(folders: Mapping[Holds, Path | None], limit_bytes: int) -> tuple[Disk, ...]:
    """Each filesystem once, with all that it holds. Folders that are not on this machine are left out."""
    by_device: dict[int, list[tuple[Holds, Path]]] = {}
    for holds, folder in folders.items():
        if folder is not None:
            with suppress(OSError):
                by_device.setdefault(folder.stat().st_dev, []).append((holds, folder))
    found = []
    for parts in by_device.values():
        with suppress(OSError):
            free, total = free_bytes(parts[0][1])
            found.append(Disk(tuple(holds for holds, _ in parts), free, total, limit_bytes))
    return tuple(found)


def engine_folder(docker_host: str, builder: str = "", *, given: str = "") -> Path | None:
    """Where the engine's images and BuildKit's cache lie, if that is on this machine; None where it is not, or away.

    `given` is what the operator says. A builder with a name keeps its cache wherever its driver does.
    """
    if given:
        return Path(given)
    if builder or (docker_host and not docker_host.startswith("unix://")):
        return None
    root = _root_of(docker_host)
    if root is None:
        return None
    folder = Path(root)
    # Behind a socket that was handed into a container the path is one of the host's, which is not here.
    return folder if folder.is_dir() else None


@dataclass(frozen=True, slots=True)
class _Answer:
    root: str | None
    at: float


_answers: dict[str, _Answer] = {}


def _root_of(docker_host: str) -> str | None:
    """Asked once; an engine that was away is asked again a minute later, since reports must not wait for it."""
    known = _answers.get(docker_host)
    if known is None or (known.root is None and time.monotonic() - known.at > AGAIN_S):
        known = _answers[docker_host] = _Answer(_asked(docker_host), time.monotonic())
    return known.root


def _asked(docker_host: str) -> str | None:
    out = bytearray()
    try:
        with bare_client(docker_host, StopFlag()) as docker:
            done = docker("info", "--format={{.DockerRootDir}}", timeout_s=_ANSWER_S, on_stdout=out.extend)
    except (Stopped, BuildError):
        return None
    text = out.decode("utf-8", "replace").strip()
    return text if done.returncode == 0 and text.startswith("/") else None
