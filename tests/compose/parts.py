"""What stands in for each image that the compose file names: programs of this machine, and what the image tells.

Each keeps what the compose file relies on: paths, users, entry points, environment.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pip

from imageyard.supervisor.parts import _postgres_tool
from tests.compose.debian import ACCOUNT_MODES, accounts
from tests.compose.layers import Layer

Part = Callable[[Layer], None]
STANDINS = Path(__file__).parent / "standins"
PLUGINS = ("docker-buildx", "docker-compose")
ENGINE = ("dockerd", "docker-proxy", "docker-init", "containerd", "containerd-shim-runc-v2", "runc")
# These belong to the C library, which the base has.
_C_LIBRARY = re.compile(r"/(ld-linux[^/]*|lib(c|m|dl|rt|pthread|resolv|util|nsl)\.so[^/]*)$")
# Nothing of ours uses these.
_POSTGRES_SKIPPED = frozenset({"bitcode", "llvmjit.so", "llvmjit_types.bc", "pgxs", "man"})


def _python(layer: Layer) -> None:
    """github.com/docker-library/python: python and pip in /usr/local/bin."""
    layer.link("usr/local/bin/python", "/usr/bin/python3")
    package = Path(pip.__file__).parent
    layer.copy_all(package, "usr/lib/python3/dist-packages/pip")
    layer.file("usr/local/bin/pip", '#!/bin/sh\nexec python3 -m pip "$@"\n', 0o755)


def _node(layer: Layer) -> None:
    """github.com/nodejs/docker-node: node and npm in /usr/local/bin."""
    _add(layer, _which("node"))
    package = next(folder for folder in _which("npm").resolve().parents if folder.name == "npm")
    layer.copy_all(package, "usr/local/lib/node_modules/npm")
    if package.parent == Path("/usr/share/nodejs"):  # Debian's own npm has its dependencies beside it
        layer.copy_all(package.parent, "usr/share/nodejs")
    layer.link("usr/local/bin/npm", "../lib/node_modules/npm/bin/npm-cli.js")


def _docker_cli(layer: Layer) -> None:
    """github.com/docker-library/docker: programs in /usr/local/bin, plug-ins in /usr/local/libexec."""
    _add(layer, _which("docker"))
    for plugin in PLUGINS:
        layer.copy(_plugin(plugin), f"usr/local/libexec/docker/cli-plugins/{plugin}")


def _docker_dind(layer: Layer) -> None:
    """The same, and the engine; the real one is Alpine, so its shell and tools are busybox."""
    for program in ENGINE:
        _add(layer, _which(program))
    layer.file("usr/local/bin/dockerd-entrypoint.sh", (STANDINS / "dockerd-entrypoint.sh").read_text(), 0o755)
    layer.link("usr/bin/sh", "busybox")
    for applet in ("awk", "grep", "ip", "sed", "sleep", "touch", "tr"):
        layer.link(f"usr/local/bin/{applet}", "/bin/busybox")


def _postgres(layer: Layer) -> None:
    """github.com/docker-library/postgres: POSTGRES_*, PGDATA, user 999, SIGINT."""
    programs = Path(_postgres_tool("postgres")).parent
    version = programs.parent.name
    layer.copy_all(programs.parent, f"usr/lib/postgresql/{version}", skip=_POSTGRES_SKIPPED)
    layer.copy_all(Path("/usr/share/postgresql", version), f"usr/share/postgresql/{version}", skip=_POSTGRES_SKIPPED)
    layer.link("usr/lib/postgresql/current", version)
    for program in ("postgres", "psql", "initdb"):
        _add_libraries(layer, programs / program)
    _add_user(layer, "postgres", "/var/lib/postgresql")
    layer.file("usr/local/bin/docker-entrypoint.sh", (STANDINS / "postgres-entrypoint.sh").read_text(), 0o755)
    layer.folder("var/lib/postgresql", 0o755, 999)
    layer.folder("var/lib/postgresql/data", 0o1777, 999)
    layer.folder("var/run/postgresql", 0o3777, 999)


def _redis(layer: Layer) -> None:
    """github.com/docker-library/redis: user 999, /data."""
    for program in ("redis-server", "redis-cli"):
        _add(layer, _which(program))
    _add_user(layer, "redis", "/home/redis")
    layer.file("usr/local/bin/docker-entrypoint.sh", (STANDINS / "redis-entrypoint.sh").read_text(), 0o755)
    layer.folder("data", 0o755, 999)


def _registry(layer: Layer) -> None:
    """github.com/distribution/distribution-library-image: /etc/distribution/config.yml, busybox' wget."""
    _add(layer, _which("docker-registry"), "usr/local/bin/registry")
    layer.link("usr/local/bin/wget", "/bin/busybox")
    layer.folder("etc/distribution", 0o755)


def _add(layer: Layer, program: Path, name: str = "") -> None:
    layer.copy(program.resolve(), name or f"usr/local/bin/{program.name}")
    _add_libraries(layer, program)


def _add_libraries(layer: Layer, program: Path) -> None:
    """What a program is linked with and the base has not, where it is looked for without a list of libraries."""
    told = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
    for library in map(Path, re.findall(r"=> (/\S+)", told)):
        in_base = f"{os.path.realpath(library.parent)}/{library.name}".lstrip("/") in layer.below
        if not in_base and not _C_LIBRARY.search(str(library)):
            layer.copy(library.resolve(), f"usr/lib/{library.name}")


def _add_user(layer: Layer, name: str, home: str) -> None:
    for file, text in accounts(f"{name}:x:999:999::{home}:/bin/sh").items():
        layer.file(file, text, ACCOUNT_MODES[file])


def _which(program: str) -> Path:
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert found, f"The program `{program}` is missing: `scripts/setup test` installs it."
    return Path(found)


def _plugin(name: str) -> Path:
    folders = ("/usr/libexec/docker", "/usr/lib/docker", "/usr/local/lib/docker", "/usr/local/libexec/docker")
    return next(path for folder in folders if (path := Path(folder, "cli-plugins", name)).exists())


# name in the files → what is added to which layers, and what its Dockerfile says
NAMES: dict[str, tuple[tuple[Part, ...], dict[str, Any]]] = {
    "python:3.11-slim-bookworm": ((_python,), {}),
    "node:22-bookworm-slim": ((_node,), {}),
    "docker:28-cli": ((_docker_cli,), {"Env": ["DOCKER_TLS_CERTDIR=/certs"]}),
    "docker:28-dind": (
        (_docker_cli, _docker_dind),
        {
            "Env": ["DOCKER_TLS_CERTDIR=/certs"],
            "Volumes": {"/var/lib/docker": {}},
            "ExposedPorts": {"2375/tcp": {}, "2376/tcp": {}},
            "Entrypoint": ["dockerd-entrypoint.sh"],
        },
    ),
    "postgres:17-bookworm": (
        (_postgres,),
        {
            "Env": [
                "LANG=C.UTF-8",
                "PATH=/usr/lib/postgresql/current/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "PGDATA=/var/lib/postgresql/data",
            ],
            "Volumes": {"/var/lib/postgresql/data": {}},
            "StopSignal": "SIGINT",
            "ExposedPorts": {"5432/tcp": {}},
            "Entrypoint": ["docker-entrypoint.sh"],
            "Cmd": ["postgres"],
        },
    ),
    "redis:7.2-bookworm": (
        (_redis,),
        {
            "Volumes": {"/data": {}},
            "WorkingDir": "/data",
            "ExposedPorts": {"6379/tcp": {}},
            "Entrypoint": ["docker-entrypoint.sh"],
            "Cmd": ["redis-server"],
        },
    ),
    "registry:3": (
        (_registry,),
        {
            "Volumes": {"/var/lib/registry": {}},
            "ExposedPorts": {"5000/tcp": {}},
            "Entrypoint": ["registry"],
            "Cmd": ["serve", "/etc/distribution/config.yml"],
        },
    ),
}
