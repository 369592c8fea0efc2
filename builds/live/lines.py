"""Turns the bytes of one step into the lines that viewers see. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from builds.logs.cutter import Position

TAIL_LINES = 200
TAIL_CHARS = 256 * 1024
LINE_BYTES = 64 * 1024  # of a line in a live message; ranges and the download have all of it
PARTIAL_CHARS = 4096

Chunk = tuple[int, list[str], bool]  # first line, lines, whether the (only) line was cut


class StepLines:
    """The newest lines of a step and the beginning of the one that has not ended."""

    def __init__(self) -> None:
        self.restart(Position(), b"")

    def restart(self, end: Position, data: bytes) -> None:
        """Forget what is there and go on at `end`; `data` are the bytes before it, as far as they are wanted."""
        self.known = end
        self.partial_text = self._told = ""
        self._partial = bytearray()
        self._is_cut = False  # the partial line is longer than LINE_BYTES
        self._tail: deque[str] = deque()
        self._tail_chars = 0
        self._has_start = len(data) >= end.offset  # false behind a gap that ends inside a line
        if not self._has_start:
            _, newline, data = data.partition(b"\n")
            self._has_start = bool(newline) or not end.midline
        cut = data.rfind(b"\n") + 1
        self._remember(_decode(data[:cut]))
        if end.midline:
            self._grow(data[cut:])
        elif data[cut:]:  # the step is finished, and what has no line feed counts as a line
            self._remember([data[cut:][:LINE_BYTES].decode("utf-8", "replace")])

    def tail(self) -> dict[str, Any]:
        """`{first_line, lines}` of the last lines."""
        return {"first_line": self.known.line - len(self._tail), "lines": list(self._tail)}

    def feed(self, data: bytes, *, finishes: bool = False) -> list[Chunk]:
        """Take the next bytes; returns the lines that ended with them."""
        before, chunks = self.known, []
        self.known = before.after(data)
        cut = data.rfind(b"\n") + 1
        if cut:
            chunks = list(self._whole_lines(before.line, data[:cut]))
            self._partial.clear()
            self._is_cut, self._has_start = False, True
        self._grow(data[cut:])
        if finishes and self.known.midline:
            if self._has_start:
                line = self._partial.decode("utf-8", "replace")
                self._remember([line])
                chunks.append((self.known.line, [line], self._is_cut))
            self.known = Position(self.known.offset, self.known.line + 1, midline=False)
            self._partial.clear()
            self._is_cut, self._has_start = False, True
        self.partial_text = _overwritten(self._partial) if self._has_start else ""
        return chunks

    def partial_changed(self) -> bool:
        """Whether the beginning of the line that has not ended differs from the last time this was asked."""
        changed = self.partial_text != self._told
        self._told = self.partial_text
        return changed and bool(self.partial_text)

    def _whole_lines(self, first_line: int, data: bytes) -> Iterator[Chunk]:
        if not self._has_start:
            _, _, data = data.partition(b"\n")
            first_line += 1
        elif self._partial:
            if self._is_cut:
                yield self._cut(first_line, bytes(self._partial))
                data = data.partition(b"\n")[2]
                first_line += 1
            else:
                data = bytes(self._partial) + data
        if len(data) <= LINE_BYTES:
            if data:
                lines = _decode(data)
                self._remember(lines)
                yield first_line, lines, False
            return
        yield from self._with_long_lines(first_line, data)

    def _with_long_lines(self, first_line: int, data: bytes) -> Iterator[Chunk]:
        group: list[str] = []
        for raw in data.split(b"\n")[:-1]:
            if len(raw) > LINE_BYTES:
                if group:
                    self._remember(group)
                    yield first_line, group, False
                first_line += len(group)
                group = []
                yield self._cut(first_line, raw)
                first_line += 1
            else:
                group.append(raw.decode("utf-8", "replace"))
        if group:
            self._remember(group)
            yield first_line, group, False

    def _cut(self, line: int, raw: bytes) -> Chunk:
        text = raw[:LINE_BYTES].decode("utf-8", "ignore")
        self._remember([text])
        return line, [text], True

    def _grow(self, data: bytes) -> None:
        room = LINE_BYTES - len(self._partial)
        self._is_cut = self._is_cut or len(data) > room
        self._partial += data[:room]
        self.partial_text = _overwritten(self._partial) if self._has_start else ""

    def _remember(self, lines: list[str]) -> None:
        for line in lines[-TAIL_LINES:]:
            if len(self._tail) == TAIL_LINES:
                self._tail_chars -= len(self._tail.popleft())
            self._tail.append(line)
            self._tail_chars += len(line)
        while self._tail_chars > TAIL_CHARS and len(self._tail) > 1:
            self._tail_chars -= len(self._tail.popleft())


def _decode(data: bytes) -> list[str]:
    """The lines of `data`, which ends with a line feed. No character is split: a line feed is never part of one."""
    return data.decode("utf-8", "replace").split("\n")[:-1]


def _overwritten(partial: bytearray) -> str:
    """What a terminal would show of a line: what follows the last carriage return that something follows."""
    text = partial.rstrip(b"\r")
    shown = text[text.rfind(b"\r") + 1 :]
    return shown[-PARTIAL_CHARS:].decode("utf-8", "ignore")
