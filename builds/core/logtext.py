"""Raw lines of a log as the text that a page shows of them, many at once. Colours and HTML are builds.core.ansi's."""

from __future__ import annotations

import re

from builds.core.ansi import plain_line

# Bytes that are text, a tab or a line feed; C1 controls hide in what is left over of UTF-8 and are looked for apart.
_TEXT_BYTES = bytes(byte for byte in range(256) if byte in b"\t\n" or (byte >= 0x20 and byte != 0x7F))  # noqa: PLR2004
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")  # SGR, ECMA-48 8.3.117: it colours and moves nothing
_RETURNS_AT_END = re.compile(r"\r+$", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CONTROL_BUT_CR = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_QUICK_CHARACTERS = 200_000  # of longer lines a page reads a part; plain_line knows which


def shown_block(raw: bytes) -> bytes:
    """Lines joined by line feeds → the same number of lines, as `plain_line` gives each: UTF-8 without any control.

    It is what a search looks at: a colour in the middle of a word, or a progress bar that overwrote itself, is not in
    the way. A block of plain text costs next to nothing; bytes that are not UTF-8 are U+FFFD, as in the page.
    """
    if raw.isascii() and not raw.translate(None, _TEXT_BYTES):
        return raw
    text = raw.decode("utf-8", "replace")
    if _CONTROL.search(text):
        bare = _RETURNS_AT_END.sub("", _COLOUR.sub("", text))
        # Where no escape is left, all of them coloured. Else a line may have hidden one within another.
        text = bare if not _CONTROL.search(bare) else "\n".join(map(_shown, text.split("\n")))
    return text.encode()


def _shown(line: str) -> str:
    if not _CONTROL.search(line):
        return line
    bare = _COLOUR.sub("", line)
    if len(line) > _QUICK_CHARACTERS or _CONTROL_BUT_CR.search(bare):
        return plain_line(line)
    shown = ""
    for piece in bare.split("\r"):
        shown = piece + shown[len(piece) :]
    return shown
