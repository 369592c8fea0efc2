"""One way to read a log, running or archived: by step and line range, or as a stream of bytes. Writes nothing."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from asgiref.sync import sync_to_async
from django.core.files.storage import Storage

from builds.core.linetimes import Mark, covering, merged
from builds.logs.blocks import Block, Place, whole_lines
from builds.logs.cutter import Position
from builds.logs.frames import FrameStore, Totals, ends_midline
from builds.logs.sources import ArchivedSource, LiveSource, LogMoved, LogSource
from builds.logs.stream import RedisClient

MAX_RANGE_BYTES = 8 * 1024 * 1024
HOP_BYTES = 512 * 1024
_REOPENS = 3

T = TypeVar("T")


@dataclass(frozen=True)
class LineRange:
    """Lines of a step from number `first_line` (from 0), without line feeds; `total` lines have ended so far.

    `times` says when they began; it is empty for logs that were written before times were kept.
    """

    first_line: int
    lines: list[str]
    total: int
    times: tuple[Mark, ...] = ()


class LogReader:
    """Reads the log of one attempt. Never holds more of it than a range or a frame.

    Bytes that are not UTF-8 become U+FFFD in lines; the byte stream has them as they were. Every call looks anew and
    may raise `StoreUnavailable`; when Redis is away the newest two seconds of a running step may be missing.
    """

    def __init__(
        self,
        build_id: int,
        attempt: int,
        *,
        store: FrameStore,
        storage: Storage,
        redis: RedisClient | None = None,
    ) -> None:
        self.build_id, self.attempt = build_id, attempt
        self._store, self._storage, self._redis = store, storage, redis

    def source(self) -> LogSource:
        """Where the log is now."""
        archive = self._store.archive(self.build_id, self.attempt)
        if archive is not None:
            return ArchivedSource(archive, self._storage)
        return LiveSource(self._store, self._redis, self.build_id, self.attempt, may_move=True)

    def totals(self) -> dict[int, Totals]:
        """Lines that have ended and bytes, by step."""
        sums: dict[int, Totals] = {}
        for extent in self._reopening(lambda source: source.extents()):
            known = sums.get(extent.step, Totals())
            sums[extent.step] = Totals(known.lines + extent.lines, known.size_bytes + extent.size_bytes)
        return sums

    def lines(self, step: int, first: int, count: int, max_bytes: int = MAX_RANGE_BYTES) -> LineRange:
        """At most `count` lines from number `first`; a negative `first` counts from the end.

        Fewer come when the step ends, or when they are longer than `max_bytes` together (but at least one).
        """
        return self._reopening(lambda source: _lines(source, step, first, count, max_bytes))

    def tail(self, step: int, count: int, max_bytes: int = MAX_RANGE_BYTES) -> LineRange:
        """The last `count` lines."""
        return self.lines(step, -count, count, max_bytes)

    def ending(self, step: int, max_bytes: int) -> tuple[Position, bytes, tuple[Mark, ...]]:
        """Where a step ends now, at least its last `max_bytes` before that (or all of it), and when they began."""

        def read(source: LogSource) -> tuple[Position, bytes, tuple[Mark, ...]]:
            extents = source.extents(step)
            if not extents:
                return Position(), b"", ()
            end = extents[-1].end
            extents = [extent for extent in extents if extent.end >= end - max_bytes]
            chunks = list(source.load_timed(extents))
            data, marks = b"".join(chunk for chunk, _ in chunks), merged(marks for _, marks in chunks)
            last, content = extents[-1], chunks[-1][0]
            return Position(end, last.end_line, ends_midline(last.lines, content)), data, marks

        return self._reopening(read)

    def span(self, step: int, start: int, end: int) -> tuple[bytes, tuple[Mark, ...]]:
        """The bytes of a step from offset `start` up to `end`, as far as they are known, and when they began."""

        def read(source: LogSource) -> tuple[bytes, tuple[Mark, ...]]:
            extents = [e for e in source.extents(step) if e.byte_offset < end and e.end > start]
            chunks = list(source.load_timed(extents))
            data = b"".join(chunk for chunk, _ in chunks)
            skip = start - extents[0].byte_offset if extents else 0
            return data[max(skip, 0) :][: end - start], merged(marks for _, marks in chunks)

        return self._reopening(read)

    def chunks(self, step: int | None = None) -> Iterator[bytes]:
        """The raw bytes of one step, or of every step in order, as they are known at the start."""
        read: dict[int, int] = {}
        for attempt in range(_REOPENS + 1):
            source = self.source()
            try:
                left = [extent for extent in source.extents(step) if extent.end > read.get(extent.step, 0)]
                for extent, data in zip(left, source.load(left), strict=False):
                    yield data[max(read.get(extent.step, 0) - extent.byte_offset, 0) :]
                    read[extent.step] = extent.end
            except LogMoved:
                if attempt == _REOPENS:
                    raise
            else:
                return

    def whole_lines(self, step: int | None, start: Place, most_line_bytes: int) -> Iterator[Block]:
        """Blocks of whole lines from `start` on; of a line longer than `most_line_bytes` the beginning."""
        for _ in range(_REOPENS):
            try:
                for block in whole_lines(self.source(), step, start, most_line_bytes):
                    yield block
                    start = block.end
            except LogMoved:
                continue
            return
        yield from whole_lines(self.source(), step, start, most_line_bytes)

    async def achunks(self, step: int | None = None) -> AsyncIterator[bytes]:
        """`chunks` for asynchronous views, in larger pieces: one hop to a thread for each."""
        chunks = self.chunks(step)

        def more() -> bytes:
            data = bytearray()
            for chunk in chunks:
                data += chunk
                if len(data) >= HOP_BYTES:
                    break
            return bytes(data)

        while data := await sync_to_async(more)():
            yield data

    def _reopening(self, read: Callable[[LogSource], T]) -> T:
        for _ in range(_REOPENS):
            try:
                return read(self.source())
            except LogMoved:
                continue
        return read(self.source())


def _lines(source: LogSource, step: int, first: int, count: int, max_bytes: int) -> LineRange:
    extents = source.extents(step)
    total = extents[-1].end_line if extents else 0
    first = min(max(first + total if first < 0 else first, 0), total)
    count = min(count, total - first)
    if count <= 0:
        return LineRange(first, [], total)
    # The line begins behind the line feed number `first`, which is in the first extent that ends at or after it.
    begin = bisect_left(extents, first, key=lambda extent: extent.end_line)
    data, skip, found = bytearray(), first - extents[begin].first_line, 0
    times: list[tuple[Mark, ...]] = []
    for chunk, marks in source.load_timed(extents[begin:]):
        times.append(marks)
        rest = memoryview(chunk)
        if skip:
            start, skip = _behind_line(chunk, skip)
            rest = rest[start:]
        data += rest
        found += chunk.count(b"\n", len(chunk) - len(rest))
        if found >= count or (found and len(data) > max_bytes):
            break
    lines = data.decode("utf-8", "replace").split("\n")
    # What follows the last line feed is a line of its own only when it was counted as one.
    unterminated = lines.pop()
    if found < count and first + found == total - 1 and not skip:
        lines.append(unterminated)
    lines = lines[:count]
    return LineRange(first, lines, total, covering(merged(times), first, first + len(lines)))


def _behind_line(chunk: bytes, skip: int) -> tuple[int, int]:
    """Where the text behind the `skip`-th line feed begins, and how many are still to be skipped."""
    position = 0
    while skip:
        found = chunk.find(b"\n", position)
        if found < 0:
            return len(chunk), skip
        position, skip = found + 1, skip - 1
    return position, 0
