"""Searching logs that are written and logs that are over: whole lines, bounded memory and time, from any place on."""

from __future__ import annotations

import tracemalloc

import pytest

from builds.core.logsearch import read_query
from builds.logs.archive import archive_log
from builds.logs.blocks import Place
from builds.logs.frames import FRAME_BYTES
from builds.logs.search import search_log
from lib.redact import Redactor


def places(part):
    return [(match.step, match.line) for match in part.matches]


@pytest.fixture
def search(read):
    def call(text, *, regex=False, **options):
        return search_log(read(), read_query(text, regex=regex), **options)

    return call


@pytest.fixture
def archive(store, storage):
    return lambda: archive_log(1, 1, store=store, storage=storage)


def test_it_finds_lines_of_every_step_live_and_archived(write, search, archive):
    writer = write()
    writer.write(1, b"alpha\nbeta\n")
    writer.write(4, b"Beta\ngamma\nalphabeta")
    writer.close()
    for _ in range(2):
        part = search("beta")
        assert places(part) == [(1, 1), (4, 0), (4, 2)]
        assert part.matches[2].spans == ((5, 9),)
        assert (part.searched, part.total, part.next) == (5, 5, None)
        assert places(search("beta", step=4)) == [(4, 0), (4, 2)]
        archive()


def test_it_finds_what_only_redis_has_yet(write, search, store):
    writer = write()
    writer.write(0, b"first needle\nand a needle that has not ended")
    for _ in range(100):
        if search("needle").total:
            break
    assert places(search("needle")) == [(0, 0)]
    assert not store.rows
    writer.close()
    assert places(search("needle")) == [(0, 0), (0, 1)]


def test_it_finds_words_and_characters_that_two_frames_share(write, search, archive):
    line = b"a" * (FRAME_BYTES - 6) + "größe ".encode() + b"b" * 2 * FRAME_BYTES + b" end of it\n"
    writer = write()
    for start in range(0, len(line), 999):
        writer.write(0, line[start : start + 999])
    writer.write(0, b"next\n")
    writer.close()
    for _ in range(2):
        assert places(search("größe")) == places(search("end of it")) == [(0, 0)]
        assert places(search("next")) == [(0, 1)]
        archive()


def test_it_finds_what_stands_in_a_line_of_5_mb(write, search):
    writer = write()
    writer.write(0, b"x" * 5_000_000 + b"needle" + b"x" * 100_000)
    writer.close()
    assert search("needle").matches[0].spans == ((5_000_000, 5_000_006),)


@pytest.mark.parametrize("archived", [False, True])
def test_it_goes_on_where_it_stopped(write, search, archive, archived):
    writer = write()
    for step in (0, 3):
        writer.write(step, b"".join(b"line %d of this step\n" % n for n in range(20_000)))
    writer.close()
    if archived:
        archive()
    found, start, answers = [], Place(0, 0), 0
    while start is not None:
        part = search("7 of", start=start, most=500, budget_s=0)
        assert len(part.matches) <= 500
        found += places(part)
        start, answers = part.next, answers + 1
    assert found == [(step, n) for step in (0, 3) for n in range(20_000) if n % 10 == 7]
    assert answers > 4
    assert (part.searched, part.total) == (40_000, 40_000)


def test_it_says_how_far_it_came(write, search):
    writer = write()
    writer.write(0, b"a\n" * 100)
    writer.write(1, b"text of a line\n" * 50_000)
    writer.close()
    part = search("nothing", budget_s=0)
    assert (part.searched, part.next) == (100, Place(0, 100))
    part = search("nothing", budget_s=0, start=part.next)
    assert part.next.step == 1
    assert part.searched == 100 + part.next.line


def test_it_stops_when_nobody_waits_for_it(write, search):
    writer = write()
    writer.write(0, b"text of a line\n" * 50_000)
    writer.close()
    part = search("nothing", is_stopped=lambda: True)
    assert 0 < part.searched < 50_000


def test_it_finds_no_secret(write, search):
    """What is stored is masked, so that a search for it finds nothing, and one for the mask does."""
    writer = write(redactor=Redactor(["hunter2-and-more"]))
    for piece in (b"token hunt", b"er2-and-mo", b"re given\n"):
        writer.write(0, piece)
    writer.close()
    assert places(search("hunter2-and-more")) == []
    assert places(search("hunter2")) == []
    assert places(search("token *** given")) == [(0, 0)]


def test_its_memory_does_not_grow_with_the_log(write, search, archive):
    writer = write(cap_bytes=10**9)
    line = b"a line of text that is about as long as lines are\n"
    for _ in range(600):
        writer.write(0, line * 1000)
    writer.close()
    archive()
    search("warm up")
    tracemalloc.start()
    part = search("no line has this", budget_s=60)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert part.searched == 600_000
    assert peak < 4 * 1024 * 1024


def test_it_goes_on_when_the_log_is_archived_meanwhile(write, search, store, archive, monkeypatch):
    writer = write()
    writer.write(0, b"one line\n" * 400_000)
    writer.write(0, b"needle\n")
    writer.close()
    asked = []

    def stop():
        if not asked:
            archive()
        asked.append(1)
        return False

    assert places(search("needle", is_stopped=stop, budget_s=60)) == [(0, 400_000)]
    assert not store.rows
