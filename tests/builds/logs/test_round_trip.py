"""What was written is what is read, byte for byte, live and archived, however it was cut."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builds.logs import cutter as cutter_module
from builds.logs.archive import archive_log
from builds.logs.frames import FRAME_BYTES

BYTES = st.binary(max_size=40) | st.sampled_from([b"\n", b"a\nb", b"\r\n", b"caf\xc3", b"\xa9\n", b"\x00\n", b"\n\n"])
SCRIPT = st.lists(st.tuples(st.integers(0, 2), BYTES | st.just(None)), max_size=25)
SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def lines_of(data):
    pieces = data.split(b"\n")
    return [piece.decode("utf-8", "replace") for piece in (pieces if pieces[-1] else pieces[:-1])]


@SLOW
@given(script=SCRIPT, size=st.sampled_from([1, 7, 64, FRAME_BYTES]))
def test_it_reads_exactly_what_was_written_however_it_was_cut(
    script, size, write, read, store, storage, client, monkeypatch
):
    """No log byte is lost or reordered within a step."""
    store.rows.clear(), store.archives.clear(), client.flushall()
    store.closed = False
    monkeypatch.setattr(cutter_module, "FRAME_BYTES", size)
    written = {}
    writer = write()
    for step, data in script:
        if data is None:
            writer.flush()
        else:
            writer.write(step, data)
            written[step] = written.get(step, b"") + data
    writer.close()
    written = {step: data for step, data in written.items() if data}
    for _ in ("live", "archived"):
        check(read(), written)
        archive_log(1, 1, store=store, storage=storage)
    assert not store.rows


def check(reader, written):
    assert b"".join(reader.chunks()) == b"".join(written[step] for step in sorted(written))
    totals = reader.totals()
    for step, data in written.items():
        lines = lines_of(data)
        assert (totals[step].lines, totals[step].size_bytes) == (len(lines), len(data))
        for first in range(len(lines) + 1):
            found = reader.lines(step, first, 2)
            assert (found.first_line, found.lines, found.total) == (first, lines[first : first + 2], len(lines))
        assert reader.tail(step, 3).lines == lines[-3:]
        assert reader.span(step, 1, 9)[0] == data[1:9]


def test_it_reads_a_line_of_10_mb_that_has_no_end(write, read, store, storage):
    line = bytes(range(32, 127)) * 110_000
    writer = write()
    for start in range(0, len(line), 32768):
        writer.write(0, line[start : start + 32768])
    writer.close()
    assert len(store.rows) == len(line) // FRAME_BYTES + 1
    for _ in ("live", "archived"):
        assert read().lines(0, 0, 5).lines == [line.decode()]
        archive_log(1, 1, store=store, storage=storage)


def test_it_shows_what_is_not_stored_yet_from_redis(write, read, store):
    writer = write()
    writer.write(3, b"one\ntwo\nthr")
    assert not store.rows
    for _ in range(100):
        if read().totals():
            break
    found = read().lines(3, 0, 10)
    assert (found.lines, found.total) == (["one", "two"], 2)


def test_it_leaves_an_object_that_zstdcat_reads(write, read, store, storage, tmp_path):
    writer = write()
    writer.write(1, b"second\n" * 50_000)
    writer.write(0, b"first")
    writer.close()
    archive = archive_log(1, 1, store=store, storage=storage)
    found = subprocess.run(["zstdcat", tmp_path / archive.object_name], capture_output=True, check=False)
    if found.returncode:
        pytest.skip("zstdcat is not installed")
    assert found.stdout == b"first" + b"second\n" * 50_000


def test_it_reads_everything_when_the_log_is_archived_between_two_looks(write, read, store, storage):
    """Whoever looks for an archive, finds none, and then finds no frames either, looks again."""
    writer = write()
    writer.write(0, b"first\nlast")
    writer.close()
    listing = store.listing

    def archived_first(*asked):
        store.listing = listing
        archive_log(1, 1, store=store, storage=storage)
        return listing(*asked)

    for ask in (
        lambda reader: (reader.lines(0, 1, 5).lines, reader.lines(0, 0, 1).total),
        lambda reader: (b"".join(reader.chunks(0)).split(b"\n")[1:], reader.totals()[0].lines),
    ):
        store.listing = archived_first
        lines, total = ask(read())
        assert (lines[-1] in ("last", b"last"), total) == (True, 2)
