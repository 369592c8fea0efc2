"""Makes stand-ins for the images that the compose file names, on machines that can pull none."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.compose.debian import DPKG, add_packages
from tests.compose.layers import Image, Layer, load
from tests.compose.parts import NAMES, STANDINS, Part

CHECKOUT = Path(__file__).resolve().parent.parent.parent
LABEL = "imageyard.standin"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What all of them are made on: Debian with a Python.
BASE_PACKAGES = ("busybox", "ca-certificates", "iproute2", "iptables", "python3", "tzdata")


def make_standins(docker_host: str) -> None:
    """Make what is missing or was made from other files than today's. An image that is no stand-in is left alone."""
    version = _version()
    wanted = [name for name in NAMES if _label(docker_host, name) not in (version, "")]
    if not wanted:
        return
    with tempfile.TemporaryDirectory(prefix="iy-standins-") as folder:
        base = Layer(Path(folder, "base"))
        add_packages(base, BASE_PACKAGES)
        packed: dict[tuple[Part, ...], list[Layer]] = {(): [base.close()]}
        for parts in [NAMES[name][0] for name in wanted]:
            for count, part in enumerate(parts):
                if parts[: count + 1] in packed:
                    continue
                below = packed[parts[:count]]
                layer = Layer(Path(folder, part.__name__), frozenset().union(*(one.names for one in below)))
                part(layer)
                packed[parts[: count + 1]] = [*below, layer.close()]
        images = [Image(name, packed[NAMES[name][0]], _config(NAMES[name][1], version)) for name in wanted]
        architecture = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True)
        load(docker_host, images, architecture.stdout.strip())


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


def _config(told: dict[str, Any], version: str) -> dict[str, Any]:
    environ = told.get("Env", [])
    path = [] if any(value.startswith("PATH=") for value in environ) else [PATH]
    return told | {"Labels": {LABEL: version}, "Env": [*path, *environ]}


def _label(docker_host: str, name: str) -> str | None:
    """The label of an image: "" where it has none, None where there is no such image."""
    look = ["docker", "image", "inspect", "--format", f'{{{{index .Config.Labels "{LABEL}"}}}}', name]
    ran = subprocess.run(
        look, capture_output=True, text=True, check=False, env={**os.environ, "DOCKER_HOST": docker_host}
    )
    return ran.stdout.strip() if ran.returncode == 0 else None
