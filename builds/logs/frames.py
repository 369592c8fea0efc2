"""How frames are compressed, and the seam behind which they are stored. No database, no Redis, no models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import zstandard

from builds.core.frames import Archive, ArchivedFrame, Frame, StoreClosed, StoreUnavailable, Totals
from builds.core.linetimes import HEADER_BYTES, MAGIC, Mark, unpack

__all__ = [
    "FRAME_BYTES",
    "Archive",
    "ArchivedFrame",
    "Frame",
    "FrameStore",
    "StoreClosed",
    "StoreUnavailable",
    "Totals",
]

FRAME_BYTES = 128 * 1024

# Level 1 keeps a flood of 20 MB/s cheap; what is merged for the archive is compressed better, as it is kept for long.
LIVE_LEVEL = 1
ARCHIVE_LEVEL = 6


def compress(data: bytes, level: int = LIVE_LEVEL) -> bytes:
    """`data` as one zstd frame that names its content size."""
    return zstandard.ZstdCompressor(level=level).compress(data)


def decompress(data: bytes) -> bytes:
    """The content of one zstd frame made by `compress`; nothing for the empty frame that only ends a line."""
    return zstandard.ZstdDecompressor().decompress(data) if data else b""


def marks_behind(data: bytes, first_line: int) -> tuple[Mark, ...]:
    """When the lines of a stored frame began that begins in `first_line`; none where it does not say.

    They stand behind the content (`builds.core.linetimes.pack`), where `decompress` and `zstdcat` pass over them.
    """
    place = len(data)
    while (place := data.rfind(MAGIC, 0, place)) >= 0:
        if place + HEADER_BYTES + int.from_bytes(data[place + 4 : place + HEADER_BYTES], "little") == len(data):
            return unpack(data[place:], first_line)
    return ()


def ends_midline(lines: int, content: bytes) -> bool:
    """Whether the last line of a frame may go on in the next one: it has no line feed and is not in `lines`."""
    return bool(content) and not content.endswith(b"\n") and lines == content.count(b"\n")


class FrameStore(Protocol):
    """Where frames are kept until the log is archived; implemented by `builds.models.log`.

    Every call may raise `StoreUnavailable`.
    """

    def insert(self, build_id: int, attempt: int, frames: Sequence[Frame]) -> None:
        """Store `frames`; one that is there already (same step and seq) is left as it is. Raises `StoreClosed`."""

    def listing(self, build_id: int, attempt: int, step: int | None = None) -> list[Frame]:
        """The frames without their data, ordered by step and seq."""

    def data(self, build_id: int, attempt: int, frames: Iterable[Frame]) -> list[bytes] | None:
        """The compressed bytes of `frames`, in order, or nothing when one of them is gone (archived meanwhile)."""

    def archive(self, build_id: int, attempt: int) -> Archive | None:
        """Where the log was archived, if it was."""

    def save_archive(self, build_id: int, attempt: int, archive: Archive) -> Archive:
        """Record `archive` and drop the frames, in one transaction. Returns the archive that counts: the first one."""

    def disconnect(self) -> None:
        """Give back what this thread holds (a database connection); the next call takes it again."""
