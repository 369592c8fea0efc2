"""Turns the frames of a finished log into one object in the storage: zstd frames in step order, for zstdcat."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from typing import IO, NamedTuple

from django.core.files import File
from django.core.files.storage import Storage, storages

from builds.core.linetimes import Mark, merged, pack
from builds.logs.frames import ARCHIVE_LEVEL, FRAME_BYTES, Archive, ArchivedFrame, FrameStore, compress
from builds.logs.sources import Extent, LiveSource

_SPOOL_BYTES = 4 * 1024 * 1024  # larger objects are put together on disk


def archive_log(
    build_id: int, attempt: int, *, store: FrameStore, storage: Storage | None = None, clipped: str = ""
) -> Archive:
    """Move the log of a finished attempt into `storage` (LOG_STORAGE); a second call returns what the first one did.

    A crash at any point is harmless: rows go in the transaction that records the object, and only after the object was
    stored whole. What a crash can leave behind is an object that nobody refers to, which the next archiving of the same
    attempt removes. Raises `StoreUnavailable`, `OSError`, or what `storage` raises; call it again later then.
    """
    storage = storage or storages["logs"]
    done = store.archive(build_id, attempt)
    if done is not None:
        return done
    folder = f"{folder_of(build_id)}/{attempt}"
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
        source = LiveSource(store, None, build_id, attempt)
        index = list(_write(spool, source))
        name = _save(storage, f"{folder}/{uuid.uuid4().hex[:8]}.log.zst", spool) if index else ""
    archive = store.save_archive(build_id, attempt, Archive(name, index, clipped))
    _remove_others(storage, folder, archive.object_name)
    return archive


def forget_logs(build_id: int, *, storage: Storage | None = None) -> None:
    """Remove every object of a build that is gone; again does nothing."""
    storage = storage or storages["logs"]
    folder = folder_of(build_id)
    try:
        attempts = storage.listdir(folder)[0]
    except (FileNotFoundError, NotImplementedError):  # a Django storage need not be able to list
        return
    for attempt in attempts:
        _remove_others(storage, f"{folder}/{attempt}", "")


def folder_of(build_id: int) -> str:
    """Below which everything of a build is kept in the log storage."""
    return f"{build_id // 1000:06d}/{build_id}"


def _save(storage: Storage, name: str, spool: IO[bytes]) -> str:
    size = spool.tell()
    spool.seek(0)
    name = storage.save(name, File(spool))
    if storage.size(name) != size:
        storage.delete(name)
        raise OSError(f"The log storage kept fewer than the {size} bytes of {name}.")
    return name


def _write(out: IO[bytes], source: LiveSource) -> Iterator[ArchivedFrame]:
    """Copy every frame to `out`; small neighbours of a step become one frame."""
    extents = source.extents()
    content = source.load_timed(extents)
    group: list[_Loaded] = []
    for extent in extents:
        data, marks = next(content)
        grown = sum(len(loaded.data) for loaded in group) + len(data)
        if group and (group[0].extent.step != extent.step or grown > FRAME_BYTES):
            yield _flush(out, group)
            group = []
        group.append(_Loaded(extent, data, marks))
    if group:
        yield _flush(out, group)


class _Loaded(NamedTuple):
    extent: Extent
    data: bytes
    marks: tuple[Mark, ...]


def _flush(out: IO[bytes], group: list[_Loaded]) -> ArchivedFrame:
    first = group[0].extent
    data = compress(b"".join(loaded.data for loaded in group), ARCHIVE_LEVEL)
    data += pack(merged(loaded.marks for loaded in group), first.first_line)
    offset = out.tell()
    out.write(data)
    lines = sum(loaded.extent.lines for loaded in group)
    size = sum(loaded.extent.size_bytes for loaded in group)
    return ArchivedFrame(first.step, first.first_line, lines, first.byte_offset, size, offset, len(data))


def _remove_others(storage: Storage, folder: str, keep: str) -> None:
    """Drop objects of the attempt that an interrupted run left behind, or that lost the race."""
    try:
        names = storage.listdir(folder)[1]
    except (FileNotFoundError, NotImplementedError):  # as above
        return
    for name in names:
        if f"{folder}/{name}" != keep:
            storage.delete(f"{folder}/{name}")
