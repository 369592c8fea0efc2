"""Images without a builder: layers packed straight from this machine's files, and handed to an engine in one archive.

Nothing is compressed, and a layer that several images have in common is packed, handed over and unpacked once.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OCI = "application/vnd.oci.image"


class Layer:
    """One layer while it is packed, into a file of its own. What is there already is not added again."""

    def __init__(self, path: Path, below: frozenset[str] = frozenset()) -> None:
        self.path = path
        self.names: set[str] = set()
        self.below = below
        self._tar = tarfile.open(path, "w", format=tarfile.GNU_FORMAT)  # noqa: SIM115 -- `close` ends it

    def close(self) -> Layer:
        self._tar.close()
        return self

    def copy(self, source: str | Path, name: str | None = None) -> None:
        """A file, link or folder of this machine, without what is in the folder; nothing where there is none."""
        path = Path(source)
        name = name or _place(path)
        if name in self.names or name in self.below or not os.path.lexists(path):
            return
        entry = self._tar.gettarinfo(str(path), name)
        self._add(entry, path)

    def copy_all(self, source: Path, name: str, *, skip: frozenset[str] = frozenset()) -> None:
        """A folder with everything in it, but for what is called as in `skip`."""
        self.copy(source, name)
        for entry in sorted(os.scandir(source), key=lambda entry: entry.name):
            if entry.name in skip:
                continue
            if entry.is_dir(follow_symlinks=False):
                self.copy_all(Path(entry.path), f"{name}/{entry.name}", skip=skip)
            else:
                self.copy(entry.path, f"{name}/{entry.name}")

    def file(self, name: str, text: str, mode: int = 0o644) -> None:
        content = text.encode()
        entry = tarfile.TarInfo(name)
        entry.mode, entry.size = mode, len(content)
        self.names.add(name)
        self._tar.addfile(entry, io.BytesIO(content))

    def link(self, name: str, target: str) -> None:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
        self._add(entry)

    def folder(self, name: str, mode: int, owner: int = 0) -> None:
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, mode, owner, owner
        self._add(entry)

    def _add(self, entry: tarfile.TarInfo, path: Path | None = None) -> None:
        entry.uname = entry.gname = ""
        self.names.add(entry.name)
        if path is not None and entry.isreg():
            with path.open("rb") as content:
                self._tar.addfile(entry, content)
        else:
            self._tar.addfile(entry)


@dataclass(frozen=True)
class Image:
    """A name, the layers from the lowest on, and what a Dockerfile would say of it (`Env`, `Entrypoint`, …)."""

    name: str
    layers: Sequence[Layer]
    config: dict[str, Any]


def load(docker_host: str, images: Sequence[Image], architecture: str) -> None:
    """Give an engine these images, by `docker load` of an OCI image layout."""
    env = {**os.environ, "DOCKER_HOST": docker_host}
    command = ["docker", "load", "--quiet"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env
    ) as ran:
        assert ran.stdin is not None
        assert ran.stdout is not None
        try:
            with tarfile.open(fileobj=ran.stdin, mode="w|", bufsize=1 << 20) as archive:
                _write_layout(archive, images, architecture)
            ran.stdin.close()
        except BrokenPipeError:
            pass  # it says why
        said = ran.stdout.read().decode(errors="replace")
    assert ran.returncode == 0, f"docker load: {said[-3000:]}"


def _write_layout(archive: tarfile.TarFile, images: Sequence[Image], architecture: str) -> None:
    written: dict[str, dict[str, Any]] = {}

    def blob(content: bytes | Path, kind: str) -> dict[str, Any]:
        if isinstance(content, bytes):
            digest, size = hashlib.sha256(content).hexdigest(), len(content)
        else:
            with content.open("rb") as file:
                digest, size = hashlib.file_digest(file, "sha256").hexdigest(), content.stat().st_size
        if digest not in written:
            entry = tarfile.TarInfo(f"blobs/sha256/{digest}")
            entry.size = size
            with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as file:
                archive.addfile(entry, file)
        written[digest] = {"mediaType": f"{OCI}.{kind}", "digest": f"sha256:{digest}", "size": size}
        return written[digest]

    packed = {layer.path: blob(layer.path, "layer.v1.tar") for image in images for layer in image.layers}
    index = []
    for image in images:
        layers = [packed[layer.path] for layer in image.layers]
        root = {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]}
        config = {"architecture": architecture, "os": "linux", "config": image.config, "rootfs": root}
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{OCI}.manifest.v1+json",
            "config": blob(json.dumps(config).encode(), "config.v1+json"),
            "layers": layers,
        }
        found = blob(json.dumps(manifest).encode(), "manifest.v1+json")
        name = f"docker.io/{image.name}" if "/" in image.name else f"docker.io/library/{image.name}"
        index.append(found | {"annotations": {"io.containerd.image.name": name}})
    listing = {"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": index}
    for name, told in {"index.json": listing, "oci-layout": {"imageLayoutVersion": "1.0.0"}}.items():
        content = json.dumps(told).encode()
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))


def _place(path: Path) -> str:
    """Where a file lies once links to folders are followed: /bin/sh is usr/bin/sh."""
    return f"{os.path.realpath(path.parent)}/{path.name}".lstrip("/")
