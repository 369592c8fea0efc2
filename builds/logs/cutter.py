"""Cuts the raw bytes of one step into frames. Bookkeeping only: no clock, no threads, no storage."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from builds.core.linetimes import Mark, TimeMarks, pack
from builds.logs.frames import FRAME_BYTES, Frame, compress


class Position(NamedTuple):
    """A place in a step's bytes: how many bytes and line ends lie before it, and whether it is inside a line."""

    offset: int = 0
    line: int = 0
    midline: bool = False

    def after(self, data: bytes | bytearray) -> Position:
        """The place behind `data`."""
        if not data:
            return self
        return Position(self.offset + len(data), self.line + data.count(b"\n"), not data.endswith(b"\n"))

    @property
    def next_line(self) -> int:
        """The first line that begins here or behind."""
        return self.line + self.midline


class Cut(NamedTuple):
    """A frame to be, with its raw bytes."""

    step: int
    seq: int
    start: Position
    end: Position
    data: bytes
    marks: tuple[Mark, ...] = ()

    def frame(self) -> Frame:
        """The frame, compressed (which lets other threads run), and when its lines began."""
        lines = self.end.line - self.start.line
        data = compress(self.data) + pack(self.marks, self.start.line) if self.data else b""
        return Frame(self.step, self.seq, self.start.line, lines, self.start.offset, len(self.data), data)


class StepCutter:
    """The bytes of one step that are in no frame yet; hands out cuts as soon as they are due."""

    def __init__(self, step: int, start: Position = Position(), seq: int = 0) -> None:  # noqa: B008 — immutable
        self.step = step
        self.start = start  # of what is still in the buffer
        self.seq = seq
        self._buffer = bytearray()
        self._times = TimeMarks()

    def __len__(self) -> int:
        return len(self._buffer)

    @property
    def pending(self) -> bytes:
        """A copy of the bytes that are in no frame."""
        return bytes(self._buffer)

    @property
    def pending_marks(self) -> tuple[Mark, ...]:
        """When the lines that begin in them began."""
        return self._times.pending

    def note(self, marks: Iterable[Mark]) -> None:
        """When lines began whose bytes are fed next."""
        for line, at_ms in marks:
            self._times.note(line, at_ms)

    def feed(self, data: bytes) -> list[Cut]:
        """Take `data`; returns what became full."""
        self._buffer += data
        cuts = []
        while len(self._buffer) >= FRAME_BYTES:
            end = self._buffer.rfind(b"\n", 0, FRAME_BYTES) + 1
            cuts.append(self._cut(end or FRAME_BYTES))
        return cuts

    def seal(self) -> list[Cut]:
        """The whole lines so far, or the beginning of one when there is no more than that."""
        end = self._buffer.rfind(b"\n") + 1
        return [self._cut(end or len(self._buffer))] if self._buffer else []

    def finish(self) -> list[Cut]:
        """Everything that is left; a last piece without a line feed now counts as a line.

        When that piece is stored already, an empty cut with one line ends it.
        """
        if not self._buffer and not self.start.midline:
            return []
        cut = self._cut(len(self._buffer))
        if cut.end.midline:
            self.start = Position(cut.end.offset, cut.end.line + 1, midline=False)
        return [cut._replace(end=self.start)]

    def _cut(self, length: int) -> Cut:
        data = bytes(self._buffer[:length])
        del self._buffer[:length]
        end = self.start.after(data)
        cut = Cut(self.step, self.seq, self.start, end, data, self._times.cut(self.start.next_line, end.next_line))
        self.start = cut.end
        self.seq += 1
        return cut
