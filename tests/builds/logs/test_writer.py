"""The writer keeps every byte while the database, Redis or the worker fails, and says what it leaves out."""

from __future__ import annotations

import base64
import json
import time

import pytest

from builds.logs import writer as writer_module
from builds.logs.frames import FRAME_BYTES, StoreUnavailable, Totals
from builds.logs.outbox import FLOOD_BYTES
from builds.logs.salvage import salvage
from builds.logs.stream import Event, Piece, decode_entry, read_pieces, stream_key
from lib.redact import Redactor


def entries(client, build_id=1):
    return [decode_entry(fields) for _, fields in client.xrange(stream_key(build_id))]


def wait_for(condition, timeout_s=5):
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return found


def test_it_cuts_frames_at_line_ends(write, store):
    writer = write()
    writer.write(0, b"a line of twenty byte\n" * 20_000)
    writer.close()
    sizes = [frame.size_bytes for frame in store.listing(1, 1)]
    assert len(sizes) == 4
    assert max(sizes) <= FRAME_BYTES
    assert all(size % 22 == 0 for size in sizes)


def test_it_shows_the_first_bytes_after_a_silence_at_once(write, client, monkeypatch):
    monkeypatch.setattr("builds.logs.writer.TICK_S", 20.0)  # longer than the test looks for them
    writer = write()
    writer.write(0, b"hello\n")
    wait_for(lambda: entries(client))


def test_it_lets_a_build_that_waits_for_its_log_wait_for_no_tick(write, store, monkeypatch):
    monkeypatch.setattr("builds.logs.writer.TICK_S", 1000.0)
    writer = write()
    for _ in range(2):
        writer.write(0, b"hello\n")
        writer.flush(timeout_s=10)
    writer.write(0, b"the end")
    writer.close(timeout_s=10)
    assert len(store.rows) == 3


def test_it_publishes_batches_and_not_writes(write, client):
    writer = write()
    for number in range(500):
        writer.write(0, b"%d\n" % number)
        time.sleep(0.001)
    writer.close()
    assert len(entries(client)) < 60


def test_it_seals_what_waits_for_two_seconds(write, store, monkeypatch):
    monkeypatch.setattr(writer_module, "SEAL_AFTER_S", 0.1)
    writer = write()
    writer.write(0, b"whole\nhalf")
    wait_for(lambda: store.rows)
    assert [(frame.lines, frame.size_bytes) for frame in store.listing(1, 1)][:1] == [(1, 6)]
    wait_for(lambda: len(store.rows) == 2)
    assert writer.finish_step(0) == Totals(lines=2, size_bytes=10)


def test_it_trims_what_is_stored_so_that_redis_holds_only_tails(write, store, client, monkeypatch):
    monkeypatch.setattr("builds.logs.tail.RETAIN_S", 0.0)
    writer = write()
    for _ in range(30):
        writer.write(0, b"x" * 99 + b"\n")
        writer.flush()
        time.sleep(0.06)
    wait_for(lambda: len(store.rows) == 30)
    assert len(entries(client)) <= 3


def test_it_leaves_a_flood_out_of_the_stream_and_says_where_it_is(write, store, client):
    writer = write()
    chunk = b"0123456789\n" * 3000
    for _ in range(200):
        writer.write(0, chunk)
    writer.close()
    pieces = read_pieces(client, 1, 1)
    assert sum(len(piece.data) for piece in pieces) < 4 * FLOOD_BYTES
    assert sum(frame.size_bytes for frame in store.listing(1, 1)) == 200 * len(chunk)


def test_it_keeps_events_and_bytes_in_one_order(write, client):
    writer = write()
    writer.event("step", {"index": 0, "state": "running"})
    writer.write(0, b"a\n")
    writer.write(1, b"b\n")
    writer.event("step", {"index": 0, "state": "succeeded"})
    writer.write(1, b"c\n")
    writer.close()
    told = [
        entry.payload["state"] if isinstance(entry, Event) else (entry.step, entry.data) for entry in entries(client)
    ]
    assert told[:5] == ["running", (0, b"a\n"), (1, b"b\n"), "succeeded", (1, b"c\n")]


def test_it_tells_only_the_newest_progress(write, client):
    writer = write()
    for current in range(1000):
        writer.event("progress", {"step": 0, "id": "layer", "current": current})
    writer.close()
    told = entries(client)
    assert len(told) < 50
    assert told[-1].payload["current"] == 999


# Invariant 5: No log byte is lost or reordered within a step, whatever the viewer, Redis or the web process does.


def test_it_loses_nothing_when_redis_is_killed_and_restarted_in_the_middle(write, read, own_redis, client):
    writer = write()
    for number in range(300):
        writer.write(number % 2, b"line %d\n" % number)
        if number == 100:
            own_redis.kill()
        if number == 200:
            own_redis.start()
        time.sleep(0.003)
    # What is in no frame yet is shown again by the Redis that had forgotten it.
    wait_for(lambda: read().totals().get(1) == Totals(150, sum(len(b"line %d\n" % n) for n in range(1, 300, 2))))
    writer.close()
    expected = [b"".join(b"line %d\n" % n for n in range(step, 300, 2)) for step in (0, 1)]
    assert [b"".join(read(redis=None).chunks(step)) for step in (0, 1)] == expected


@pytest.mark.timeout(20)  # each of the writes would wait for a second
def test_it_does_not_wait_for_a_redis_that_hangs(write, own_redis):
    writer = write()
    own_redis.process.send_signal(19)  # SIGSTOP
    try:
        for _ in range(50):
            writer.write(0, b"x" * 1000 + b"\n")
        writer.flush()
    finally:
        own_redis.process.send_signal(18)


def test_it_waits_for_a_locked_database_and_stores_everything(write, read, store):
    store.failures = 3
    writer = write()
    writer.write(0, b"line\n" * 100_000)
    writer.close()
    assert store.failures == 0
    assert b"".join(read().chunks()) == b"line\n" * 100_000


def test_it_bounds_what_waits_and_says_when_the_database_stays_away(write, store, monkeypatch):
    monkeypatch.setattr(writer_module, "PATIENCE_S", 0.3)
    store.failures = 10**9
    writer = write()
    with pytest.raises(StoreUnavailable):
        for _ in range(20_000):
            writer.write(0, b"x" * 1023 + b"\n")
    assert writer._pending_bytes < writer_module.PENDING_BYTES + 2 * FRAME_BYTES


def test_it_says_that_the_log_could_not_be_stored(write, store):
    store.failures = 10**9
    writer = write()
    writer.write(0, b"x\n")
    with pytest.raises(StoreUnavailable):
        writer.close(timeout_s=0.3)


def test_it_goes_quiet_when_the_attempt_lost_its_lease(write, store):
    writer = write()
    store.closed = True
    writer.write(0, b"x\n")
    writer.flush()
    assert writer.fenced
    writer.write(0, b"y\n")
    writer.close()
    assert not store.rows


def test_it_ends_a_log_that_is_too_long_with_a_line_that_says_so(write, read):
    writer = write(cap_bytes=10 * 1024 * 1024)
    for _ in range(11 * 1024):
        writer.write(0, b"x" * 1023 + b"\n")
    writer.write(1, b"of another step\n")
    writer.close()
    assert read().tail(0, 1).lines == ["[Imageyard: the log is cut here, as it reached 10 MiB. The build goes on.]"]
    assert read().lines(0, 0, 1).lines == ["x" * 1023]
    assert writer.clipped == "The log is longer than 10 MiB; 1,048,592 bytes were not kept."
    assert writer.bytes_seen == 11 * 1024 * 1024 + 16


def test_it_masks_secrets_that_are_cut_over_chunks(write, read):
    writer = write(redactor=Redactor(["hunter2hunter2"]))
    for piece in (b"pass: hunter2", b"hun", b"ter2 ok\nhunter", b"2"):
        writer.write(0, piece)
    writer.close()
    assert b"".join(read().chunks()) == b"pass: *** ok\nhunter2"


# A worker that is killed: what its thread published is stored by whoever finds the attempt dead.


def test_it_salvages_what_only_redis_holds_of_a_dead_attempt(write, read, store, client):
    writer = write()
    writer.write(0, b"stored\nalso sto")
    writer.flush()
    writer.write(0, b"red\nonly in redis\nhalf")
    writer.write(2, b"another step\n")
    wait_for(lambda: sum(isinstance(entry, Piece) for entry in entries(client)) >= 3)
    store_at_death = dict(store.rows)
    totals = salvage(1, 1, store=store, redis=client)
    assert totals == {0: Totals(4, 37), 2: Totals(1, 13)}
    assert read(redis=None).lines(0, 0, 9).lines == ["stored", "also stored", "only in redis", "half"]
    assert salvage(1, 1, store=store, redis=client) == totals
    assert len(store.rows) > len(store_at_death)


def test_it_ends_a_piece_that_was_stored_as_a_line_when_it_salvages(write, read, store, client, own_redis):
    writer = write()
    writer.write(0, b"prompt: ")
    writer.flush()
    own_redis.kill()
    assert salvage(1, 1, store=store, redis=client) == {0: Totals(1, 8)}
    assert read(redis=None).lines(0, 0, 9).lines == ["prompt: "]


@pytest.mark.parametrize(
    "name", ["utf8-split", "invalid-utf8", "nul-bytes", "no-newline", "progress-cr", "interleaved"]
)
def test_b03_it_keeps_the_bytes_of_real_recordings(name, data, write, read, client):
    written = {}
    writer, steps = write(), {}
    for line in (data / "rawjson" / f"{name}.jsonl").read_bytes().splitlines():
        for log in json.loads(line).get("logs", []) if line.startswith(b"{") else ():
            step = steps.setdefault(log["vertex"], len(steps))
            chunk = base64.b64decode(log["data"])
            writer.write(step, chunk)
            written[step] = written.get(step, b"") + chunk
    writer.close()
    assert written
    for step, content in written.items():
        assert b"".join(read().chunks(step)) == content
        shown = content.decode("utf-8", "replace").removesuffix("\n").split("\n")
        assert read().lines(step, 0, 10_000).lines == shown
