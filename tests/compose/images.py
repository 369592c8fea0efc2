"""Makes stand-ins for the images that the compose file names, on machines that can pull none."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.compose.debian import DPKG, add_packages
from tests.compose.layers import Image, Layer, Loading
from tests.compose.parts import NAMES, STANDINS, Part

CHECKOUT = Path(__file__).resolve().parent.parent.parent
LABEL = "imageyard.standin"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What all of them are made on: Debian with a Python.
BASE_PACKAGES = (
    "busybox",
    "ca-certificates",
    "iproute2",
    "iptables",
    "libcurl3-gnutls",
    "liberror-perl",
    "python3",
    "tzdata",
)


class Standins:
    """Makes what is missing or was made from other files than today's. An image that is no stand-in is left alone."""

    def __init__(self, docker_host: str, folder: Path) -> None:
        self.docker_host = docker_host
        self._folder = folder
        self._version = _version()
        asked = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True)
        self._architecture = asked.stdout.strip()
        # Which parts, from the lowest on → the layers of those.
        self._packed: dict[tuple[Part, ...], list[Layer]] = {}

    def make(self, names: Sequence[str]) -> None:
        """Pack these images and give them to the engine; what an earlier call has given it is not packed again."""
        wanted = [name for name in names if _label(self.docker_host, name) not in (self._version, "")]
        if not wanted:
            return
        with Loading(self.docker_host, self._architecture) as loading:
            images = [Image(name, self._layers(loading, NAMES[name][0]), self._config(name)) for name in wanted]
            loading.end(images)

    def _layers(self, loading: Loading, parts: tuple[Part, ...]) -> list[Layer]:
        if parts not in self._packed:
            below = self._layers(loading, parts[:-1]) if parts else []
            layer = Layer(self._folder / str(len(self._packed)), frozenset().union(*(one.names for one in below)))
            if parts:
                parts[-1](layer)
            else:
                add_packages(layer, BASE_PACKAGES)
            self._packed[parts] = [*below, layer.close()]
            loading.layer(layer)
        return self._packed[parts]

    def _config(self, name: str) -> dict[str, Any]:
        told = NAMES[name][1]
        environ = told.get("Env", [])
        path = [] if any(value.startswith("PATH=") for value in environ) else [PATH]
        return told | {"Labels": {LABEL: self._version}, "Env": [*path, *environ]}


def docker(docker_host: str, *arguments: str, stdin: str = "") -> str:
    env = {**os.environ, "DOCKER_HOST": docker_host}
    ran = subprocess.run(["docker", *arguments], input=stdin, capture_output=True, text=True, check=False, env=env)
    assert ran.returncode == 0, f"docker {' '.join(arguments)}: {ran.stderr[-3000:]}{ran.stdout[-1000:]}"
    return ran.stdout


def _version() -> str:
    """By the files that say how they are made, and the packages that they are made of."""
    files = sorted(path for folder in (STANDINS.parent, STANDINS) for path in folder.iterdir() if path.is_file())
    told = [path.read_bytes() for path in [*files, DPKG / "status"]]
    return hashlib.sha256(b"".join(told)).hexdigest()[:16]


def _label(docker_host: str, name: str) -> str | None:
    """The label of an image: "" where it has none, None where there is no such image."""
    look = ["docker", "image", "inspect", "--format", f'{{{{index .Config.Labels "{LABEL}"}}}}', name]
    ran = subprocess.run(
        look, capture_output=True, text=True, check=False, env={**os.environ, "DOCKER_HOST": docker_host}
    )
    return ran.stdout.strip() if ran.returncode == 0 else None
