"""The entries of a tar archive that comes as a stream, read without trust: bounded names, no files, no seeking back.

Not Python's `tarfile`: it reads a header as large as the archive says, and searches it in quadratic time. Formats:
POSIX ustar and pax (IEEE 1003.1, `pax`), GNU tar's long names and sparse files. What has a size and no content here
(links, devices) is read as Go's `archive/tar` reads it, because engines do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from builds.core.inflate import LayerError

BLOCK = 512
MOST_NAME_BYTES = 4096
_MOST_HEADER_BYTES = 1024 * 1024
_MOST_SPARSE_BLOCKS = 4096
_ZEROS = bytes(BLOCK)
_KINDS = {b"1": "hardlink", b"2": "link", b"3": "device", b"4": "device", b"5": "dir", b"6": "fifo"}
_FILES = frozenset({b"0", b"\0", b"7", b"S"})


@dataclass(slots=True)
class Entry:
    """One entry. `size_bytes` is how long the file is, `stored_bytes` what of it is in the archive.

    `kind`: file, dir, link, hardlink, device, fifo or other. `cut`: its name was longer than `MOST_NAME_BYTES`.
    """

    name: bytes
    kind: str
    size_bytes: int
    stored_bytes: int
    target: bytes = b""
    sparse: bool = False
    cut: bool = False


@dataclass(slots=True)
class _Waiting:
    """What extended headers said of the entry that follows."""

    name: bytes | None = None
    target: bytes | None = None
    size: int | None = None
    real_size: int | None = None
    sparse: bool = False
    cut: bool = False


class _Source:
    """Bytes taken from the stream one block at a time, or passed over."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._piece, self._at = pieces, b"", 0

    def take(self, size: int) -> bytes:
        """`size` bytes, fewer at the end."""
        if len(self._piece) - self._at >= size:
            self._at += size
            return self._piece[self._at - size : self._at]
        parts = [self._piece[self._at :]]
        left = size - len(parts[0])
        self._piece, self._at = b"", 0
        while left > 0 and (piece := next(self._pieces, b"")):
            parts.append(piece[:left])
            self._piece, self._at = piece, min(left, len(piece))
            left -= len(parts[-1])
        return b"".join(parts)

    def skip(self, size: int) -> None:
        """Pass over `size` bytes. Raises `LayerError` where there are fewer."""
        while size > 0:
            here = len(self._piece) - self._at
            if here >= size:
                self._at += size
                return
            size -= here
            self._piece, self._at = next(self._pieces, b""), 0
            if not self._piece:
                raise LayerError("the archive ends in the middle of a file")


def entries(pieces: Iterator[bytes]) -> Iterator[Entry]:
    """Every entry, in order. Raises `LayerError` where the archive is broken; what came before it is good."""
    source, waiting, is_first = _Source(pieces), _Waiting(), True
    while True:
        block = source.take(BLOCK)
        if not block or block == _ZEROS:
            return  # two blocks of zeros, but one or none will do for every reader
        if len(block) < BLOCK or not _is_sound(block):
            raise LayerError("it is not a tar archive" if is_first else "the archive is broken")
        is_first = False
        flag, size = block[156:157], _number(block[124:136])
        if flag in (b"L", b"K", b"x", b"g", b"X"):
            _extend(waiting, flag, _header(source, size))
            continue
        entry = _entry(block, flag, size, waiting)
        if flag == b"S":
            _pass_sparse_map(source, block)
        waiting = _Waiting()
        yield entry
        source.skip(_padded(entry.stored_bytes))


def _entry(block: bytes, flag: bytes, size: int, waiting: _Waiting) -> Entry:
    name = waiting.name if waiting.name is not None else _name(block)
    kind = "file" if flag in _FILES else _KINDS.get(flag, "other")
    if kind == "file" and flag != b"S" and name.endswith(b"/"):
        kind = "dir"  # before POSIX there was no other sign of it
    stored = size if waiting.size is None else waiting.size
    stored = stored if kind in ("file", "other") else 0
    real = stored
    if flag == b"S":
        real = _number(block[483:495])
    elif waiting.real_size is not None and kind == "file":
        real = waiting.real_size
    return Entry(
        name=name[:MOST_NAME_BYTES],
        kind=kind,
        size_bytes=real,
        stored_bytes=stored,
        target=(waiting.target if waiting.target is not None else _text(block[157:257]))[:MOST_NAME_BYTES],
        sparse=flag == b"S" or waiting.sparse,
        cut=waiting.cut or len(name) > MOST_NAME_BYTES,
    )


def _header(source: _Source, size: int) -> bytes:
    """The content of an extended header; of one that is larger than any honest one its beginning."""
    body = source.take(min(size, _MOST_HEADER_BYTES))
    source.skip(_padded(size) - len(body))
    return body


def _extend(waiting: _Waiting, flag: bytes, body: bytes) -> None:
    if flag == b"L":
        waiting.name, waiting.cut = _text(body), waiting.cut or len(body) >= _MOST_HEADER_BYTES
    elif flag == b"K":
        waiting.target = _text(body)
    elif flag in (b"x", b"X"):  # a global header (g) names nothing of one file
        _read_pax(waiting, body)


def _read_pax(waiting: _Waiting, body: bytes) -> None:
    """`LENGTH key=value` and a line feed, LENGTH counting itself; what does not fit that ends the header."""
    at = 0
    while at < len(body):
        space = body.find(b" ", at, at + 12)
        length = int(body[at:space]) if space > at and body[at:space].isdigit() else 0
        if length <= max(space - at, 0) or at + length > len(body):
            waiting.cut = waiting.cut or len(body) >= _MOST_HEADER_BYTES
            return
        key, _, value = body[space + 1 : at + length - 1].partition(b"=")
        at += length
        if key == b"path":
            waiting.name = value if waiting.name is None or not waiting.sparse else waiting.name
        elif key == b"linkpath":
            waiting.target = value
        elif key == b"size":
            waiting.size = _decimal(value)
        elif key == b"GNU.sparse.name":
            waiting.name, waiting.sparse = value, True
        elif key in (b"GNU.sparse.realsize", b"GNU.sparse.size"):
            waiting.real_size, waiting.sparse = _decimal(value), True


def _pass_sparse_map(source: _Source, block: bytes) -> None:
    """More of a sparse file's map stands in blocks of its own before the content."""
    more = block[482:483] not in (b"\0", b"")
    for _ in range(_MOST_SPARSE_BLOCKS):
        if not more:
            return
        block = source.take(BLOCK)
        if len(block) < BLOCK:
            raise LayerError("the archive ends in the middle of a file")
        more = block[504:505] != b"\0"
    raise LayerError("it has a sparse file with more holes than any file has")


def _is_sound(block: bytes) -> bool:
    try:
        told = int(block[148:156].strip(b"\0 ") or b"-1", 8)
    except ValueError:
        return False
    plain = block[:148] + b" " * 8 + block[156:]
    # Ancient tars added up signed bytes.
    return told in (sum(plain), sum(plain) - 256 * sum(byte > 127 for byte in plain))  # noqa: PLR2004


def _number(field: bytes) -> int:
    """Octal, or a base-256 number where the first bit is set. Raises `LayerError`."""
    if field[0] & 0x80:
        if field[0] & 0x40:
            raise LayerError("it has an entry with a negative size")
        value = int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    else:
        try:
            value = int(field.strip(b"\0 ") or b"0", 8)
        except ValueError as error:
            raise LayerError("it has an entry whose size is not a number") from error
    return _possible(value)


def _decimal(value: bytes) -> int:
    if not value.isdigit() or len(value) > 20:  # noqa: PLR2004 — more digits than a 64-bit number has
        raise LayerError("it has an entry whose size is not a number")
    return _possible(int(value))


def _possible(value: int) -> int:
    if value >= 2**60:
        raise LayerError("it has an entry that is larger than any disk")
    return value


def _name(block: bytes) -> bytes:
    name, prefix = _text(block[:100]), _text(block[345:500])
    # GNU tar uses the place of the prefix for other things and writes "ustar  " as its sign.
    return prefix + b"/" + name if prefix and block[257:263] == b"ustar\0" else name


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK
