"""LFS objects that this worker has: beside the mirror's own objects, in Git LFS's layout. Fetches nothing.

Objects come in whole or not at all, under the SHA-256 of their content, so builds may share the store without a lock
of its own. A mirror that is thrown away takes its objects along.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

from builds.core.lfs import Pointer

_CHUNK = 1024 * 1024
_UNUSED_S = 30 * 86400.0
_LEFT_OVER_S = 86400.0


class WrongContent(Exception):  # noqa: N818 — the caller knows the file's name and who sent it
    """The bytes are not those that the pointer names."""


class LFSStore:
    """The objects below `mirror`, a bare repository."""

    def __init__(self, mirror: Path) -> None:
        self._objects = mirror / "lfs" / "objects"
        self._incoming = mirror / "lfs" / "incoming"

    def path(self, pointer: Pointer) -> Path:
        return self._objects / pointer.oid[:2] / pointer.oid[2:4] / pointer.oid

    def has(self, pointer: Pointer) -> bool:
        try:
            return self.path(pointer).stat().st_size == pointer.size
        except OSError:
            return False

    def add(self, pointer: Pointer, chunks: Iterable[bytes]) -> None:
        """Keep an object. Raises `WrongContent`, and reads not one chunk more than the pointer's size allows."""
        self._incoming.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._incoming, delete=False) as file:
            incoming = Path(file.name)
            try:
                if _copy(chunks, file, pointer.size) != pointer:
                    raise WrongContent
                file.flush()
                os.fsync(file.fileno())  # a name must never stand for half an object, a power cut or not
                self.path(pointer).parent.mkdir(parents=True, exist_ok=True)
                incoming.replace(self.path(pointer))
            finally:
                incoming.unlink(missing_ok=True)

    def write(self, pointer: Pointer, target: Path) -> bool:
        """Write the content into `target`, a file that is there; its mode stays. False where our copy was damaged.

        A damaged copy is removed. Follows no link.
        """
        source = self.path(pointer)
        fd = os.open(target, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
        with os.fdopen(fd, "wb") as file, source.open("rb") as object_file:
            good = _copy(iter(lambda: object_file.read(_CHUNK), b""), file, pointer.size) == pointer
        if good:
            os.utime(source)  # when it was used last
        else:
            source.unlink(missing_ok=True)
        return good

    def room(self) -> int:
        """Free bytes on the disk of the store."""
        self._objects.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self._objects).free

    def prune(self, keep: Collection[Pointer], *, unused_s: float = _UNUSED_S) -> None:
        """Remove objects that no build has used for `unused_s` seconds, and what dead downloads left."""
        kept = {pointer.oid for pointer in keep}
        now = time.time()
        for path in self._objects.glob("*/*/*"):
            if path.name not in kept:
                _remove_older(path, now - unused_s)
        for path in self._incoming.glob("*"):
            _remove_older(path, now - _LEFT_OVER_S)


def _copy(chunks: Iterable[bytes], file: IO[bytes], limit: int) -> Pointer:
    """Write all chunks, and say which pointer they would have; stops where there are more than `limit` bytes."""
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            break
        digest.update(chunk)
        file.write(chunk)
    return Pointer(digest.hexdigest(), size)


def _remove_older(path: Path, moment: float) -> None:
    with suppress(OSError):  # another build may have removed it
        if path.stat().st_mtime < moment:
            path.unlink()
