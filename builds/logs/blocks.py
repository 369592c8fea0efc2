"""A log as blocks of whole lines, from any line on, in bounded memory. Nothing is looked for in them here."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from builds.logs.sources import Extent, LogSource


class Place(NamedTuple):
    """A line of a log, both counted from 0."""

    step: int
    line: int


class Block(NamedTuple):
    """Whole lines of one step, joined by line feeds, the last one without its own."""

    step: int
    first_line: int
    lines: int
    data: bytes

    @property
    def end(self) -> Place:
        """The line behind the last."""
        return Place(self.step, self.first_line + self.lines)


def whole_lines(source: LogSource, step: int | None, start: Place, most_line_bytes: int) -> Iterator[Block]:
    """The lines that have ended from `start` on, a frame's worth at a time. Raises `LogMoved`.

    Of a line that is longer than `most_line_bytes` only the beginning comes.
    """
    extents = [extent for extent in source.extents(step) if extent.step >= start.step]
    for number, group in groupby(extents, key=lambda extent: extent.step):
        yield from _of_step(source, list(group), start.line if number == start.step else 0, most_line_bytes)


def _of_step(source: LogSource, extents: list[Extent], first: int, most: int) -> Iterator[Block]:
    step, total = extents[0].step, extents[-1].end_line
    if first >= total:
        return
    # The line begins behind the line feed number `first`, which is in the first extent that ends at or after it.
    extents = extents[bisect_left(extents, first, key=lambda extent: extent.end_line) :]
    skip, line, begun = first - extents[0].first_line, first, bytearray()
    for chunk in source.load(extents):
        content, skip = _behind(chunk, skip)
        cut = content.rfind(b"\n") + 1
        if cut:
            data = bytes(begun) + content[: cut - 1] if begun else content[: cut - 1]
            if len(data) > most:
                data = b"\n".join(text[:most] for text in data.split(b"\n"))
            block = Block(step, line, data.count(b"\n") + 1, data)
            yield block
            line, begun = line + block.lines, bytearray()
        begun += content[cut:][: most - len(begun)]
    if line < total and not skip:
        # Nothing follows: what has no line feed was counted as a line.
        yield Block(step, line, 1, bytes(begun))


def _behind(chunk: bytes, skip: int) -> tuple[bytes, int]:
    """What stands behind the `skip`-th line feed, and how many are still to be skipped."""
    position = 0
    while skip:
        found = chunk.find(b"\n", position)
        if found < 0:
            return b"", skip
        position, skip = found + 1, skip - 1
    return chunk[position:], 0
