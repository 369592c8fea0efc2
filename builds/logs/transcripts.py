"""What was shown in a shell, kept in the log storage beside the build's logs. What comes here is masked already."""

from __future__ import annotations

import io
import uuid
from contextlib import suppress

from django.core.files import File
from django.core.files.storage import Storage

from builds.logs.archive import folder_of
from builds.logs.frames import ARCHIVE_LEVEL, compress, decompress

MOST_BYTES = 8 * 1024 * 1024
_CUT = b"\r\n[The transcript ends here: a shell's is kept up to 8 MiB.]\r\n"


class Transcript:
    """Of one session. `save` may be called while it goes on: a worker that dies then loses little."""

    def __init__(self, storage: Storage, build_id: int, session_id: int) -> None:
        self._storage = storage
        self._prefix = f"{folder_of(build_id)}/shells/{session_id}"
        self._kept = bytearray()
        self._saved = 0
        self.name = ""

    def add(self, data: bytes) -> None:
        room = MOST_BYTES - len(self._kept)
        if room <= 0:
            return
        self._kept += data[:room]
        if len(data) >= room:
            self._kept += _CUT

    @property
    def has_grown(self) -> bool:
        return len(self._kept) > self._saved

    def save(self) -> tuple[str, str]:
        """Store all of it; gives the name of the object, and that of the one before, for `forget`. Raises OSError."""
        before, size = self.name, len(self._kept)
        name = f"{self._prefix}-{uuid.uuid4().hex[:8]}.txt.zst"
        self.name = self._storage.save(name, File(io.BytesIO(compress(bytes(self._kept), ARCHIVE_LEVEL))))
        self._saved = size
        return self.name, before


def forget(storage: Storage, name: str) -> None:
    """Remove a transcript; one that is gone is fine."""
    if name:
        with suppress(FileNotFoundError):
            storage.delete(name)


def read(storage: Storage, name: str) -> bytes:
    """A transcript as it was shown, escape codes included. Raises FileNotFoundError, or what `storage` raises."""
    with storage.open(name) as file:
        return decompress(file.read())
