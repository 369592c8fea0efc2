"""Where the bytes of a log are: in frames and the Redis tail while it is written, in one object afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import redis
import structlog
from django.core.files.storage import Storage

from builds.core.linetimes import Mark
from builds.logs.cutter import Position
from builds.logs.frames import Archive, ArchivedFrame, Frame, FrameStore, decompress, marks_behind
from builds.logs.stream import Piece, RedisClient, join_pieces, read_pieces

log = structlog.get_logger(__name__)

_BATCH = 16  # frames per query: 2 MiB of text


class LogMoved(Exception):  # noqa: N818 — not an error: look again
    """The frames went while they were read, because the log was archived."""


@dataclass(frozen=True, slots=True)
class Extent:
    """A piece of a step that can be loaded by itself; extents of a step follow each other without gaps."""

    step: int
    first_line: int
    lines: int
    byte_offset: int
    size_bytes: int
    place: Frame | ArchivedFrame | Piece

    @property
    def end(self) -> int:
        return self.byte_offset + self.size_bytes

    @property
    def end_line(self) -> int:
        return self.first_line + self.lines


class LogSource(Protocol):
    """What `LogReader` reads from."""

    def extents(self, step: int | None = None) -> list[Extent]:
        """Ordered by step and offset. Raises `LogMoved`."""

    def load(self, extents: Sequence[Extent]) -> Iterator[bytes]:
        """The bytes of each of `extents`, one after the other. Raises `LogMoved`."""

    def load_timed(self, extents: Sequence[Extent]) -> Iterator[tuple[bytes, tuple[Mark, ...]]]:
        """The same, with when the lines that begin in each began, where that is known."""


class LiveSource:
    """Frames in the store, and behind them what only Redis has."""

    def __init__(
        self, store: FrameStore, client: RedisClient | None, build_id: int, attempt: int, *, may_move: bool = False
    ) -> None:
        self._store, self._redis = store, client
        self._build_id, self._attempt = build_id, attempt
        self._may_move = may_move

    def extents(self, step: int | None = None) -> list[Extent]:
        # Redis first: what is trimmed before it is read was stored before, and is then found in the listing.
        pieces = self._pieces(step)
        extents = [Extent(*frame[:1], *frame[2:6], place=frame) for frame in self._listing(step)]
        # Nothing there, or everything was archived between the reader's look for an archive and this listing.
        if not extents and self._may_move and self._store.archive(self._build_id, self._attempt) is not None:
            raise LogMoved
        stored = {extent.step: Position(extent.end, extent.end_line) for extent in extents}
        for piece in join_pieces(pieces, stored).values():
            lines = piece.data.count(b"\n") + (piece.finishes and piece.data[-1:] not in (b"\n", b""))
            if piece.data:
                start = piece.start
                extents.append(Extent(piece.step, start.line, lines, start.offset, len(piece.data), piece))
        return sorted(extents, key=lambda extent: (extent.step, extent.byte_offset, extent.end_line))

    def load(self, extents: Sequence[Extent]) -> Iterator[bytes]:
        for extent, stored in self._stored(extents):
            yield extent.place.data if isinstance(extent.place, Piece) else decompress(stored)

    def load_timed(self, extents: Sequence[Extent]) -> Iterator[tuple[bytes, tuple[Mark, ...]]]:
        for extent, stored in self._stored(extents):
            if isinstance(extent.place, Piece):
                yield extent.place.data, extent.place.marks
            else:
                yield decompress(stored), marks_behind(stored, extent.first_line)

    def _stored(self, extents: Sequence[Extent]) -> Iterator[tuple[Extent, bytes]]:
        for start in range(0, len(extents), _BATCH):
            batch = extents[start : start + _BATCH]
            frames = [extent.place for extent in batch if isinstance(extent.place, Frame)]
            found = self._store.data(self._build_id, self._attempt, frames) if frames else []
            if found is None:
                raise LogMoved
            stored = iter(found)
            for extent in batch:
                yield extent, next(stored) if isinstance(extent.place, Frame) else b""

    def _listing(self, step: int | None) -> list[Frame]:
        return self._store.listing(self._build_id, self._attempt, step)

    def _pieces(self, step: int | None) -> list[Piece]:
        if self._redis is None:
            return []
        try:
            return read_pieces(self._redis, self._build_id, self._attempt, step)
        except redis.RedisError as error:
            log.debug("reading stored frames only: Redis does not answer", build=self._build_id, error=str(error))
            return []


class ArchivedSource:
    """The object in the log storage."""

    def __init__(self, archive: Archive, storage: Storage) -> None:
        self._archive, self._storage = archive, storage

    def extents(self, step: int | None = None) -> list[Extent]:
        return [Extent(*frame[:5], place=frame) for frame in self._archive.index if step in (None, frame.step)]

    def load(self, extents: Sequence[Extent]) -> Iterator[bytes]:
        return (decompress(stored) for _, stored in self._stored(extents))

    def load_timed(self, extents: Sequence[Extent]) -> Iterator[tuple[bytes, tuple[Mark, ...]]]:
        return ((decompress(stored), marks_behind(stored, place.first_line)) for place, stored in self._stored(extents))

    def _stored(self, extents: Sequence[Extent]) -> Iterator[tuple[ArchivedFrame, bytes]]:
        places = [extent.place for extent in extents if isinstance(extent.place, ArchivedFrame)]
        if not places:
            return
        with self._storage.open(self._archive.object_name, "rb") as file:
            for place in places:
                file.seek(place.object_offset)
                yield place, file.read(place.object_bytes)
