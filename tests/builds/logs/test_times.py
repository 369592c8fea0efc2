"""When lines began: kept beside the frames, through archive, Redis and a dead worker, and never in the way."""

from __future__ import annotations

import subprocess
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builds.core.linetimes import TimeMarks, covering, merged, pack, unpack
from builds.logs.archive import archive_log
from builds.logs.cutter import Position, StepCutter
from builds.logs.frames import Frame, compress, decompress, marks_behind
from builds.logs.salvage import salvage

MARKS = st.lists(st.tuples(st.integers(0, 10**12), st.integers(0, 2**45)), max_size=20).map(
    lambda pairs: tuple(zip(*map(sorted, zip(*pairs, strict=True)), strict=True)) if pairs else ()
)


@given(MARKS)
def test_it_reads_the_marks_it_packed(marks):
    first = marks[0][0] if marks else 0
    assert unpack(pack(marks, first), first) == marks
    assert marks_behind(compress(b"text\n") + pack(marks, first), first) == marks


@pytest.mark.parametrize(
    "data", [b"", b"\x5a\x2a\x4d\x18", b"\x5a\x2a\x4d\x18\x09\x00\x00\x00" + b"\xff" * 40, b"text"]
)
def test_it_takes_nothing_from_bytes_that_are_not_marks(data):
    assert unpack(data, 0) == ()


def test_lines_within_50_ms_share_a_mark():
    times = TimeMarks()
    for line, at_ms in enumerate([1000, 1010, 1049, 1050, 1060, 3000]):
        times.note(line, at_ms)
    assert times.pending == ((0, 1000), (3, 1050), (5, 3000))
    assert times.cut(0, 4) == ((0, 1000), (3, 1050))
    assert times.cut(4, 6) == ((4, 1050), (5, 3000)), "a frame says itself when its first line began"


def test_it_covers_a_range():
    marks = ((0, 10), (5, 100), (9, 200))
    assert covering(marks, 6, 9) == ((6, 100),)
    assert covering(marks, 5, 10) == ((5, 100), (9, 200))
    assert covering(((5, 100),), 0, 9) == ((5, 100),), "what was printed before is not known"
    assert covering(marks, 3, 3) == ()
    assert merged([((0, 10),), ((3, 10), (4, 20), (5, 100))]) == ((0, 10), (5, 100))


def test_zstd_passes_over_the_marks(tmp_path):
    cutter = StepCutter(0)
    cutter.note([(0, 1_700_000_000_000)])
    cutter.feed(b"one\ntwo\n")
    frame = cutter.seal()[0].frame()
    assert (decompress(frame.data), len(marks_behind(frame.data, 0))) == (b"one\ntwo\n", 1)
    (tmp_path / "log.zst").write_bytes(frame.data + compress(b"three\n"))
    assert subprocess.check_output(["zstdcat", tmp_path / "log.zst"]) == b"one\ntwo\nthree\n"


def test_it_knows_when_lines_began_live_stored_and_archived(write, read, store, storage):
    writer = write()
    before = time.time() * 1000
    for text in (b"a\nb", b"b\nc\n", b"d\n"):
        writer.write(2, text)
        time.sleep(0.08)
    for _ in range(100):
        if len(read().lines(2, 0, 9).times) == 3:
            break
        time.sleep(0.02)
    live = read().lines(2, 0, 9).times
    writer.close()
    assert [line for line, _ in live] == [0, 2, 3], "`bb` began with the first piece"
    assert before - 1 <= live[0][1] <= time.time() * 1000
    assert live[2][1] - live[1][1] >= 50
    assert read().lines(2, 0, 9).times == live
    archive_log(1, 1, store=store, storage=storage)
    assert read().lines(2, 0, 9).times == live
    assert read().lines(2, 1, 1).times == ((1, live[0][1]),)


def test_every_frame_says_when_its_lines_began(write, read):
    writer = write()
    writer.write(0, b"x" * 99 + b"\n")
    writer.write(0, b"y" * 300_000 + b"\n")
    writer.write(0, b"z\n")
    writer.close()
    assert [read().lines(0, line, 1).times[0][0] for line in range(3)] == [0, 1, 2]


def test_a_log_without_times_says_nothing(read, store):
    store.insert(1, 1, [Frame(0, 0, 0, 2, 0, 4, compress(b"a\nb\n"))])
    assert read().lines(0, 0, 9).times == ()


def test_a_dead_writers_tail_keeps_its_times(write, read, store, client):
    writer = write()
    writer.write(0, b"one\ntwo")
    for _ in range(100):
        if read().lines(0, 0, 9).times:
            break
        time.sleep(0.02)
    live = read().lines(0, 0, 9).times
    assert live
    salvage(1, 1, store=store, redis=client)
    client.flushall()
    assert (read().lines(0, 0, 9).lines, read().lines(0, 0, 9).times) == (["one", "two"], live)


def test_it_makes_no_frame_of_times_alone():
    cutter = StepCutter(0, Position(3, 0, midline=True), 1)
    assert [cut.frame().data for cut in cutter.finish()] == [b""]
