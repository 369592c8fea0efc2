"""What a stored log is made of: the words that writer, reader and tables share. No bytes are touched here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Frame(NamedTuple):
    """A piece of one step's raw bytes: whole lines where there are any, at most `FRAME_BYTES`.

    `first_line` is the number (from 0, within the step) of the line that the first byte belongs to; it may have begun
    in an earlier frame. `lines` counts the lines that end here: line feeds, and in the last frame of a finished step
    also a last piece without one. A frame without bytes and with one line ends a piece that was stored before.
    """

    step: int
    seq: int
    first_line: int
    lines: int
    byte_offset: int  # within the step
    size_bytes: int  # uncompressed
    data: bytes  # zstd, or empty in a listing


@dataclass(frozen=True)
class Totals:
    """How much of one step is known: lines that have ended, and bytes."""

    lines: int = 0
    size_bytes: int = 0


class ArchivedFrame(NamedTuple):
    """One frame of an archived log; the same numbers as `Frame`, and where it lies in the object."""

    step: int
    first_line: int
    lines: int
    byte_offset: int
    size_bytes: int
    object_offset: int
    object_bytes: int


@dataclass(frozen=True)
class Archive:
    """Where the finished log of one attempt lies in the log storage. `object_name` is empty when it has no bytes."""

    object_name: str
    index: Sequence[ArchivedFrame]
    clipped: str = ""  # why the log is not whole, in words

    @property
    def size_bytes(self) -> int:
        return sum(frame.size_bytes for frame in self.index)

    @property
    def lines(self) -> int:
        return sum(frame.lines for frame in self.index)


class StoreUnavailable(Exception):  # noqa: N818 — a state of the store, not a mistake
    """The store cannot be reached or is locked; the same call may work later."""


class StoreClosed(Exception):  # noqa: N818 — a state of the store, not a mistake
    """The attempt may not write any more: it lost its lease or its log is archived."""
