"""A layer's bytes unpacked as they come: gzip (of several members too), zstd, or not packed at all. Opens nothing.

What packs the content is told by its first bytes, as engines do, and not by the media type, which may lie.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import zstandard

PIECE = 1024 * 1024
"""No piece that is given out is larger, however much a few bytes unpack to."""
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPED = b"\x2a\x4d\x18"  # after one byte from 0x50 to 0x5f: RFC 8878, 3.1.2
_OTHERS = ((b"BZh", "bzip2"), (b"\xfd7zXZ\x00", "xz"))
# What RFC 8878 recommends that decoders take is 8 MiB; engines write up to 128 MiB.
_WINDOW = 128 * 1024 * 1024
_SNIFFED = 8


class LayerError(ValueError):
    """The content is no layer that can be read; the text is a clause for a sentence ("it is not a tar archive")."""


def inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The unpacked content of a layer in pieces of at most `PIECE`. Raises `LayerError`."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= _SNIFFED:
            break
    rest = _joined(head, chunks)
    for magic, name in _OTHERS:
        if head.startswith(magic):
            raise LayerError(f"it is packed with {name}, which no current engine writes")
    if head.startswith(_GZIP):
        return _gzip(rest)
    if head.startswith(_ZSTD) or (head[1:4] == _ZSTD_SKIPPED and 0x50 <= head[0] <= 0x5F):  # noqa: PLR2004
        return _zstd(rest)
    return _cut(rest)


def _joined(head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    for chunk in chunks:  # noqa: UP028 — `yield from` would close `chunks`, which its owner reads to the end
        yield chunk


def _cut(chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        yield from (chunk[start : start + PIECE] for start in range(0, len(chunk), PIECE))


def _gzip(chunks: Iterator[bytes]) -> Iterator[bytes]:
    member, begins = zlib.decompressobj(wbits=31), b""
    for chunk in chunks:
        data = begins + chunk
        begins = b""
        while data:
            if member.eof:
                if len(data) < len(_GZIP):
                    begins = data
                    break
                if not data.startswith(_GZIP):
                    return  # zeros that fill a block up
                member = zlib.decompressobj(wbits=31)
            try:
                piece = member.decompress(data, PIECE)
            except zlib.error as error:
                raise LayerError("its gzip content is broken") from error
            if piece:
                yield piece
            data = member.unused_data if member.eof else member.unconsumed_tail
    if not member.eof:
        raise LayerError("its gzip content ends too early")


class _File:
    """An iterator of bytes as something that `zstandard` reads from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, b""

    def read(self, size: int) -> bytes:
        if not self._rest:
            self._rest = next(self._chunks, b"")
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


def _zstd(chunks: Iterator[bytes]) -> Iterator[bytes]:
    reader = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
    with reader.stream_reader(_File(chunks), read_across_frames=True) as stream:  # type: ignore[arg-type]
        while True:
            try:
                piece = stream.read(PIECE)
            except zstandard.ZstdError as error:
                raise LayerError("its zstd content is broken") from error
            if not piece:
                return
            yield piece
