"""Layers for tests, honest ones by `tarfile` and hostile ones block by block."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterable, Iterator

Item = tuple[str, int] | tarfile.TarInfo


def tar(*items: Item, pax: bool = True) -> bytes:
    """A tar of files `(name, size)`, folders (`name/`), or entries as they are."""
    out = io.BytesIO()
    kind = tarfile.PAX_FORMAT if pax else tarfile.GNU_FORMAT
    with tarfile.open(fileobj=out, mode="w", format=kind) as archive:
        for item in items:
            entry = item
            if isinstance(entry, tuple):
                entry = tarfile.TarInfo(item[0])
                entry.size = item[1]
                if entry.name.endswith("/"):
                    entry.type = tarfile.DIRTYPE
            archive.addfile(entry, io.BytesIO(bytes(entry.size)) if entry.isreg() else None)
    return out.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


def header(name: bytes, *, size: bytes = b"00000000000\0", flag: bytes = b"0", magic: bytes = b"ustar\x0000") -> bytes:
    """One header with a right checksum, whatever stands in it."""
    block = bytearray(512)
    block[0 : len(name)] = name
    block[124 : 124 + len(size)] = size
    block[156:157] = flag
    block[257 : 257 + len(magic)] = magic
    block[148:156] = b" " * 8
    block[148:155] = b"%06o\0" % sum(block)
    return bytes(block)


def pieces(body: bytes, size: int = 1000) -> Iterator[bytes]:
    """As a network gives it: cut anywhere."""
    return iter([body[start : start + size] for start in range(0, len(body), size)])


def members(*bodies: bytes) -> bytes:
    """Gzip of several members."""
    return b"".join(gzip.compress(body, mtime=0) for body in bodies)


def layers(*contents: Iterable[Item]) -> list[bytes]:
    return [tar(*items) for items in contents]
