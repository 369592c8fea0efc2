"""The compose file brought up in the tests' Docker Engine, with this machine's package settings as build secrets."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from imageyard.supervisor.ports import free_port
from tests.compose.images import CHECKOUT, docker

# Every run's project begins so.
PROJECT = "iy-compose"
IMAGE = "imageyard:test"
# Kept between runs, for the layers in it.
LAYERS = "imageyard-layers:test"


@dataclass
class Stack:
    """A compose project. `environ` is what its commands run with."""

    project: str
    folder: Path
    url: str
    registry: str
    token: str
    git_root: Path
    environ: dict[str, str]

    def compose(self, *arguments: str, timeout_s: float = 300, check: bool = True) -> str:
        """`docker compose …`; what it printed on both streams."""
        files = ["-f", str(CHECKOUT / "docker-compose.yml"), "-f", str(self.folder / "override.json")]
        command = ["docker", "compose", "--progress", "plain", "-p", self.project, *files, *arguments]
        ran = subprocess.run(
            command, cwd=CHECKOUT, env=self.environ, capture_output=True, text=True, check=False, timeout=timeout_s
        )
        assert not check or ran.returncode == 0, f"{' '.join(arguments)}: {ran.stdout[-2000:]}{ran.stderr[-6000:]}"
        return ran.stdout + ran.stderr

    def make_layers(self) -> None:
        """Take the steps of the image as Compose would, but compress nothing: it is neither pushed nor kept.

        What Compose builds then is made of these layers as they are; by itself it compresses each, to unpack it again.
        """
        told = self.compose("build", "--print", "init")
        bake = json.loads(told[: told.rindex("}") + 1])
        bake["target"]["init"] |= {"tags": [LAYERS], "output": ["type=image,compression=uncompressed"]}
        command = ["docker", "buildx", "bake", "--allow=fs=*", "--progress=plain", "--file=-"]
        ran = subprocess.run(
            command, cwd=CHECKOUT, env=self.environ, input=json.dumps(bake), capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr[-6000:]

    def send(self, path: str, body: dict[str, Any]) -> None:
        """POST to the API, as the administrator."""
        headers = {"Authorization": f"Bearer {self.token}"}
        httpx.post(f"{self.url}/api/v1{path}", json=body, headers=headers, timeout=30).raise_for_status()

    def exec(self, service: str, *command: str) -> str:
        """Docker by itself, here and below: Compose reads its file anew at every call."""
        return self.docker("exec", self._container_id(service), *command)

    def container(self, service: str) -> dict[str, Any]:
        """What `docker inspect` says."""
        return dict(json.loads(self.docker("inspect", self._container_id(service)))[0])

    def _container_id(self, service: str) -> str:
        labels = {"com.docker.compose.project": self.project, "com.docker.compose.service": service}
        filters = [f"--filter=label={name}={value}" for name, value in labels.items()]
        return self.docker("ps", "-aq", "--filter=label=com.docker.compose.oneoff=False", *filters).split()[0]

    def docker(self, *arguments: str) -> str:
        return docker(self.environ["DOCKER_HOST"], *arguments).strip()


def base_images() -> list[str]:
    """What the Dockerfile is made from."""
    return re.findall(r"^ARG [A-Z]+_IMAGE=(\S+)", (CHECKOUT / "Dockerfile").read_text(), re.MULTILINE)


@contextmanager
def make_stack(docker_host: str) -> Iterator[Stack]:
    """A project that is not up yet; at the end it is taken down with its volumes, whatever happened."""
    with describe_stack(docker_host) as stack:
        try:
            yield stack
        finally:
            stack.compose("down", "--volumes", "--timeout", "0", check=False)


@contextmanager
def describe_stack(docker_host: str) -> Iterator[Stack]:
    """What Compose needs to know of a project, in files that are removed at the end; for what needs no container."""
    folder = Path(tempfile.mkdtemp(prefix="iy-compose-", dir="/tmp"))
    folder.chmod(0o755)
    git_root = folder / "git"
    git_root.mkdir()
    http, registry = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    token = "iy_" + uuid.uuid4().hex
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("IMAGEYARD_", "COMPOSE_"))}
    for name in ("DATABASE_URL", "REDIS_URL", "LOG_STORAGE", "BUILDX_BUILDER"):
        kept.pop(name, None)
    environ = {
        **kept,
        "DOCKER_HOST": docker_host,
        "IMAGEYARD_IMAGE": IMAGE,
        "IMAGEYARD_HTTP_BIND": http,
        "IMAGEYARD_URL": f"http://{http}",
        "IMAGEYARD_REGISTRY": registry,
        "IMAGEYARD_REGISTRY_BIND": registry,
        "IMAGEYARD_ADMIN_TOKEN": token,
        "IMAGEYARD_SLOTS": "2",
        "IMAGEYARD_MIN_FREE_GB": "0",
    }
    try:
        (folder / "override.json").write_text(json.dumps(_override(folder, git_root)))
        yield Stack(f"{PROJECT}-{uuid.uuid4().hex[:6]}", folder, f"http://{http}", registry, token, git_root, environ)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _override(folder: Path, git_root: Path) -> dict[str, Any]:
    """Git repositories from a folder of this machine, and this machine's package settings as build secrets."""
    git = {
        "environment": {"IMAGEYARD_LOCAL_GIT_ROOT": str(git_root)},
        "volumes": [f"{git_root}:{git_root}:ro"],
    }
    secrets = _package_settings(folder / "secrets")
    return {
        "services": {
            "web": git,
            "worker": git,
            "beat": git,
            "init": {"build": {"secrets": sorted(secrets)}},
        },
        "secrets": {name: {"file": str(path)} for name, path in secrets.items()},
    }


def _package_settings(folder: Path) -> dict[str, Path]:
    """What apt, pip and npm of this machine are set to, in the form that the Dockerfile takes it in."""
    folder.mkdir()
    bundle = Path(os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"))
    makers: dict[str, Callable[[], str]] = {
        "ca": lambda: bundle.read_text() if bundle.exists() else "",
        "debian.sources": _debian_sources,
        "apt.conf": _apt_conf,
        "pip.conf": _pip_conf,
        "npmrc": lambda: "cafile=/run/secrets/ca\n" + _npm_registry(),
    }
    with ThreadPoolExecutor() as beside:
        for name, text in zip(makers, beside.map(lambda make: make(), makers.values()), strict=True):
            (folder / name).write_text(text)
    return {name: folder / name for name in makers}


def _apt_conf() -> str:
    acquire = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    return "\n".join(line for line in acquire.splitlines() if line.startswith("Acquire::")) + "\n"


def _debian_sources() -> str:
    """All that this machine has of its distribution: the packages of the stand-ins came from there."""
    release = re.search(r"^ID=(\w+)", Path("/etc/os-release").read_text(), re.MULTILINE)
    assert release is not None
    listing = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(COMPONENT) $(REPO_URI) $(RELEASE)"]
    told = subprocess.run([*listing, "Created-By: Packages"], capture_output=True, text=True, check=True).stdout
    rows = [row.split() for row in told.splitlines()]
    kept = [row[2:] for row in rows if row[:2] == [release[1].capitalize(), "main"]]
    return "\n".join(f"Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: main\n" for uri, suite in kept)


def _pip_conf() -> str:
    told = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    kept = re.findall(
        r"^(?:global|:env:)\.(index-url|proxy|trusted-host|default-timeout)='(.*)'$", told.stdout, re.MULTILINE
    )
    lines = ["[global]", "cert = /run/secrets/ca", *(f"{name} = {value}" for name, value in dict(kept).items())]
    return "\n".join(lines) + "\n"


def _npm_registry() -> str:
    told = subprocess.run(["npm", "config", "get", "registry"], capture_output=True, text=True, check=True, cwd="/tmp")
    return f"registry={told.stdout.strip()}\n"
