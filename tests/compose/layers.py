"""Images without a builder: layers packed straight from this machine's files, and handed to an engine in one archive.

Nothing is compressed, and a layer that several images have in common is packed, handed over and unpacked once.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self, cast

OCI = "application/vnd.oci.image"
# What is read and written at a time.
_PIECE = 1 << 20


class Hashed:
    """A file that is written once, from its beginning to its end, with its digest."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=_PIECE)
        self._told = hashlib.sha256()
        self.size = 0

    def tell(self) -> int:
        return self.size

    def write(self, piece: bytes) -> int:
        self._told.update(piece)
        self.size += len(piece)
        return self._file.write(piece)

    def close(self) -> str:
        self._file.close()
        return self._told.hexdigest()


class Layer:
    """One layer while it is packed, into a file of its own. What is there already is not added again."""

    def __init__(self, path: Path, below: frozenset[str] = frozenset()) -> None:
        self.path = path
        self.names: set[str] = set()
        self.below = below
        self.digest = ""
        self.size = 0
        self._file = Hashed(path)
        self._tar = tarfile.open(  # noqa: SIM115 -- `close` ends it
            fileobj=cast("IO[bytes]", self._file), mode="w", format=tarfile.GNU_FORMAT, copybufsize=_PIECE
        )

    def close(self) -> Layer:
        self._tar.close()
        self.digest, self.size = self._file.close(), self._file.size
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


class Loading:
    """`docker load` of an OCI image layout, which is handed over while further layers are packed.

    Layers that the engine has from another archive need not be in this one.
    """

    def __init__(self, docker_host: str, architecture: str) -> None:
        self.architecture = architecture
        self._written: set[str] = set()
        self._ran = subprocess.Popen(
            ["docker", "load", "--quiet"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "DOCKER_HOST": docker_host},
        )
        self._sender = ThreadPoolExecutor(max_workers=1)
        self._sent: list[Future[None]] = []

    def __enter__(self) -> Self:
        return self

    def layer(self, layer: Layer) -> None:
        """Hand over a packed layer, in the background and in the order of the calls."""
        self._sent.append(self._sender.submit(self._blob, layer.digest, layer.path))

    def end(self, images: Sequence[Image]) -> None:
        """Name the images and wait until the engine has them.

        Raises:
            AssertionError: it refused, with what it said.
        """
        self._sent.append(self._sender.submit(self._write_index, images))
        for sent in self._sent:
            if not isinstance(problem := sent.exception(), BrokenPipeError) and problem is not None:
                raise problem
        assert self._ran.stdout is not None
        said = self._ran.stdout.read()
        assert self._ran.wait() == 0, f"docker load: {said.decode(errors='replace')[-3000:]}"

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._ran.poll() is None:
            self._ran.kill()
        self._sender.shutdown()
        self._ran.wait()

    def _write_index(self, images: Sequence[Image]) -> None:
        index = []
        for image in images:
            layers = [_descriptor("layer.v1.tar", layer.digest, layer.size) for layer in image.layers]
            root = {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]}
            config = {"architecture": self.architecture, "os": "linux", "config": image.config, "rootfs": root}
            manifest = {
                "schemaVersion": 2,
                "mediaType": f"{OCI}.manifest.v1+json",
                "config": self._document(config, "config.v1+json"),
                "layers": layers,
            }
            name = f"docker.io/{image.name}" if "/" in image.name else f"docker.io/library/{image.name}"
            found = self._document(manifest, "manifest.v1+json")
            index.append(found | {"annotations": {"io.containerd.image.name": name}})
        listing = {"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": index}
        for name, told in {"index.json": listing, "oci-layout": {"imageLayoutVersion": "1.0.0"}}.items():
            self._entry(name, io.BytesIO(json.dumps(told).encode()))
        assert self._ran.stdin is not None
        self._ran.stdin.write(tarfile.NUL * 2 * tarfile.BLOCKSIZE)
        self._ran.stdin.close()

    def _document(self, told: dict[str, Any], kind: str) -> dict[str, Any]:
        content = json.dumps(told).encode()
        digest = hashlib.sha256(content).hexdigest()
        self._blob(digest, content)
        return _descriptor(kind, digest, len(content))

    def _blob(self, digest: str, content: bytes | Path) -> None:
        if digest in self._written:
            return
        self._written.add(digest)
        with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb", buffering=0) as file:
            self._entry(f"blobs/sha256/{digest}", file)

    def _entry(self, name: str, content: IO[bytes]) -> None:
        pipe = self._ran.stdin
        assert pipe is not None
        entry = tarfile.TarInfo(name)
        entry.size = content.seek(0, os.SEEK_END)
        content.seek(0)
        pipe.write(entry.tobuf(tarfile.GNU_FORMAT))
        shutil.copyfileobj(content, pipe, _PIECE)
        pipe.write(tarfile.NUL * (-entry.size % tarfile.BLOCKSIZE))


def _descriptor(kind: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": f"{OCI}.{kind}", "digest": f"sha256:{digest}", "size": size}


def _place(path: Path) -> str:
    """Where a file lies once links to folders are followed: /bin/sh is usr/bin/sh."""
    return f"{os.path.realpath(path.parent)}/{path.name}".lstrip("/")
