"""Raw lines of a log as the text that a page shows of them, many at once. Colours and HTML are builds.core.ansi's."""

from __future__ import annotations

import re

from builds.core.ansi import MAX_COLUMN, TOKEN, count_of, plain_line

_TEXT_BYTES = bytes(byte for byte in range(256) if byte in b"\t\n" or (byte >= 0x20 and byte != 0x7F))  # noqa: PLR2004
_C1 = re.compile(rb"\xc2[\x80-\x9f]")  # the other controls, as UTF-8 has them
_COLOUR = re.compile(rb"\x1b\[[0-9;:]*m")  # SGR, ECMA-48 8.3.117: it colours and moves nothing
_COLOUR_TEXT = re.compile(r"\x1b\[[0-9;:]*m")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CONTROL_BUT_CR = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_QUICK_CHARACTERS = 200_000  # of longer lines a page reads a part; plain_line knows which
_SHORT_CHARACTERS = 2000  # up to here whole texts are quicker than characters


def shown_block(raw: bytes) -> bytes:
    """Lines joined by line feeds → the same number of lines, as `plain_line` gives each: UTF-8 without any control.

    It is what a search looks at: a colour in the middle of a word, or a bar that overwrote itself, is not in the way. A
    block of plain text costs next to nothing; bytes that are not UTF-8 are U+FFFD, as in the page.
    """
    if raw.isascii():
        if not raw.translate(None, _TEXT_BYTES):
            return raw
    else:
        raw = _valid(raw)
    bare, colours = _COLOUR.subn(b"", raw)
    # An escape that does not colour may hide one within another, and what they leave could look like one.
    if colours == raw.count(b"\x1b") and not _has_controls(bare := _without_returns(bare)):
        return bare
    return "\n".join(map(_shown, raw.decode().split("\n"))).encode()


def _valid(raw: bytes) -> bytes:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace").encode()
    return raw


def _without_returns(text: bytes) -> bytes:
    """Carriage returns at the end of a line move to a place where nothing is written."""
    while b"\r\n" in text:
        text = text.replace(b"\r\n", b"\n")
    return text.rstrip(b"\r")


def _has_controls(text: bytes) -> bool:
    return bool(text.translate(None, _TEXT_BYTES)) or (b"\xc2" in text and _C1.search(text) is not None)


def _shown(line: str) -> str:
    if not _CONTROL.search(line):
        return line
    bare = _COLOUR_TEXT.sub("", line)
    if _CONTROL_BUT_CR.search(bare):
        return plain_line(line) if len(line) > _SHORT_CHARACTERS else _folded(line)
    if len(line) > _QUICK_CHARACTERS:
        return plain_line(line)
    shown = ""
    for piece in bare.split("\r"):
        shown = piece + shown[len(piece) :]
    return shown


def _folded(line: str) -> str:
    """`plain_line` of a short line, by whole texts."""
    shown, cursor = "", 0
    for token in TOKEN.finditer(line):
        kind = token.lastgroup
        if kind == "text":
            text = token["text"]
            shown = shown[:cursor].ljust(cursor) + text + shown[cursor + len(text) :]
            cursor += len(text)
        elif kind == "final" and not token["private"] and not token["rest"]:
            shown, cursor = _moved(shown, cursor, token["final"], token["params"])
        elif kind == "control" and token["control"] in "\r\b":
            cursor = max(0, cursor - 1) if token["control"] == "\b" else 0
    return shown


def _moved(shown: str, cursor: int, final: str, params: str) -> tuple[str, int]:
    """After a control sequence: what is shown, and where the cursor is."""
    if final == "K" and params in {"", "0"}:
        return shown[:cursor], cursor
    if final == "K" and params == "1":
        blanks = min(cursor + 1, len(shown))
        return " " * blanks + shown[blanks:], cursor
    if final == "K" and params == "2":
        return "", cursor
    count = max(count_of(params), 1)
    if final == "G":
        cursor = count - 1
    elif final == "C":
        cursor += count
    elif final == "D":
        cursor -= count
    return shown, max(0, min(cursor, MAX_COLUMN))
