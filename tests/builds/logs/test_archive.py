"""Frames become one object, once, and are dropped only when it is safe."""

from __future__ import annotations

import pytest
from django.core.files.storage import FileSystemStorage

from builds.logs.archive import archive_log
from builds.logs.frames import FRAME_BYTES


@pytest.fixture
def printed(write):
    """A log of many small frames and a few full ones, in two steps."""
    writer = write()
    for number in range(40):
        writer.write(number % 2, b"small %d\n" % number)
        writer.flush()
    writer.write(1, b"large\n" * 60_000)
    writer.close()
    small = [b"".join(b"small %d\n" % number for number in range(step, 40, 2)) for step in (0, 1)]
    return small[0], small[1] + b"large\n" * 60_000


def stored_objects(storage):
    return [path for path in storage.base_location.rglob("*") if path.is_file()]


def test_it_merges_small_frames_and_keeps_every_byte(printed, read, store, storage):
    archive = archive_log(1, 1, store=store, storage=storage)
    assert len(archive.index) <= 6
    assert max(frame.size_bytes for frame in archive.index) <= FRAME_BYTES
    assert not store.rows
    assert (archive.size_bytes, archive.lines) == (sum(map(len, printed)), 60_040)
    assert [b"".join(read().chunks(step)) for step in (0, 1)] == list(printed)


def test_it_does_nothing_the_second_time(printed, store, storage):
    first = archive_log(1, 1, store=store, storage=storage)
    assert archive_log(1, 1, store=store, storage=storage) == first
    assert len(stored_objects(storage)) == 1


def test_it_records_an_empty_log_without_an_object(write, read, store, storage):
    write().close()
    assert archive_log(1, 1, store=store, storage=storage).object_name == ""
    assert (list(read().chunks()), read().totals(), read().lines(0, 0, 5).total) == ([], {}, 0)
    assert not stored_objects(storage)


@pytest.mark.parametrize("moment", ["before the row", "while it is stored"])
def test_it_is_harmless_to_crash_and_try_again(printed, read, store, storage, monkeypatch, moment):
    def crash(*_):
        raise OSError("the power went")

    with monkeypatch.context() as patch:
        patch.setattr(*(store, "save_archive", crash) if moment == "before the row" else (storage, "size", crash))
        with pytest.raises(OSError, match="power"):
            archive_log(1, 1, store=store, storage=storage)
    assert b"".join(read().chunks()) == b"".join(printed)
    archive_log(1, 1, store=store, storage=storage)
    assert b"".join(read().chunks()) == b"".join(printed)
    assert len(stored_objects(storage)) == 1, "what the crash left behind is gone"


def test_it_keeps_the_frames_when_the_storage_kept_too_little(printed, store, storage, monkeypatch):
    monkeypatch.setattr(FileSystemStorage, "size", lambda *_: 7)
    with pytest.raises(OSError, match="kept fewer"):
        archive_log(1, 1, store=store, storage=storage)
    assert store.rows
    assert not stored_objects(storage)


def test_it_goes_on_reading_a_log_that_is_archived_meanwhile(printed, read, store, storage):
    chunks = read().chunks()
    begin = next(chunks)
    archive_log(1, 1, store=store, storage=storage)
    assert begin + b"".join(chunks) == b"".join(printed)


async def test_it_streams_without_blocking_the_event_loop(printed, read):
    chunks = [chunk async for chunk in read().achunks()]
    assert b"".join(chunks) == b"".join(printed)
    assert max(map(len, chunks)) < 2 * 512 * 1024


def test_it_reads_a_range_from_two_frames_at_most(write, read, store, storage, monkeypatch):
    writer = write()
    writer.write(0, b"".join(b"line %07d of many\n" % number for number in range(300_000)))
    writer.close()
    archive_log(1, 1, store=store, storage=storage)
    loaded = []
    monkeypatch.setattr("builds.logs.sources.decompress", _counting(loaded))
    assert read().lines(0, 250_000, 100).lines[-1] == "line 0250099 of many"
    assert len(loaded) <= 2


def _counting(loaded):
    from builds.logs.frames import decompress

    def call(data):
        loaded.append(data)
        return decompress(data)

    return call
