"""When the lines of a log began: marks for a step, and their bytes beside a stored frame. No clock is read here."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

Mark = tuple[int, int]
"""(line from 0 within the step, milliseconds since 1970): that line and those behind it began then, up to the next."""

RESOLUTION_MS = 50
"""Lines that began within so much of each other share a mark."""

# A skippable frame of zstd (RFC 8878, 3.1.2): whoever decompresses passes over it. The first byte is ours to choose.
MAGIC = b"\x5a\x2a\x4d\x18"
HEADER_BYTES = 8
_MORE = 0x80
_MOST_SHIFT = 63


class TimeMarks:
    """The marks of a step that is being written, as far as they are in no frame yet."""

    def __init__(self) -> None:
        self._marks: list[Mark] = []

    @property
    def pending(self) -> tuple[Mark, ...]:
        """All that is kept."""
        return tuple(self._marks)

    def note(self, line: int, at_ms: int) -> None:
        """Line `line` began at `at_ms`; lines and times come in order."""
        if not self._marks or at_ms - self._marks[-1][1] >= RESOLUTION_MS:
            self._marks.append((line, at_ms))

    def cut(self, first: int, end: int) -> tuple[Mark, ...]:
        """What says when the lines [first, end) began. What is before `end` is forgotten but for what goes on."""
        marks = covering(self._marks, first, end)
        del self._marks[: max(0, bisect_right(self._marks, (end, 0)) - 1)]
        return marks


def covering(marks: Sequence[Mark], first: int, end: int) -> tuple[Mark, ...]:
    """The marks of the lines [first, end); the first one is at `first` where its time is known."""
    if first >= end:
        return ()
    begin = bisect_right(marks, first, key=lambda mark: mark[0])
    inside = marks[begin : bisect_right(marks, end - 1, key=lambda mark: mark[0])]
    return ((first, marks[begin - 1][1]), *inside) if begin else tuple(inside)


def merged(parts: Iterable[Sequence[Mark]]) -> tuple[Mark, ...]:
    """Marks of pieces that follow each other, as those of one."""
    marks: list[Mark] = []
    for mark in (mark for part in parts for mark in part):
        if not marks or (mark[0] > marks[-1][0] and mark[1] - marks[-1][1] >= RESOLUTION_MS):
            marks.append(mark)
    return tuple(marks)


def pack(marks: Sequence[Mark], first_line: int) -> bytes:
    """A skippable frame to stand behind a frame that begins in `first_line`; nothing where there are no marks.

    Lines and milliseconds as differences, each a varint of 7 bits a byte, lowest first (LEB128).
    """
    if not marks:
        return b""
    payload = bytearray()
    line, at = first_line, 0
    for mark_line, mark_at in marks:
        for number in (mark_line - line, mark_at - at):
            _put(payload, number)
        line, at = mark_line, mark_at
    return MAGIC + len(payload).to_bytes(4, "little") + payload


def unpack(data: bytes, first_line: int) -> tuple[Mark, ...]:
    """The marks in what stands behind a stored frame; none where it is not ours or is cut off."""
    if not data.startswith(MAGIC) or len(data) < HEADER_BYTES:
        return ()
    size = int.from_bytes(data[4:HEADER_BYTES], "little")
    numbers = _numbers(data[HEADER_BYTES : HEADER_BYTES + size])
    marks, line, at = [], first_line, 0
    for lines, milliseconds in zip(numbers[::2], numbers[1::2], strict=False):
        line, at = line + lines, at + milliseconds
        marks.append((line, at))
    return tuple(marks)


def _put(payload: bytearray, number: int) -> None:
    while number >= _MORE:
        payload.append(number & 0x7F | _MORE)
        number >>= 7
    payload.append(number)


def _numbers(payload: bytes) -> list[int]:
    numbers, number, shift = [], 0, 0
    for byte in payload:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < _MORE:
            numbers.append(number)
            number = shift = 0
        elif shift > _MOST_SHIFT:
            return []
    return numbers
