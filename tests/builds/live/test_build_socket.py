"""What a viewer of a build hears: everything, once, in order, whenever it comes and whatever fails meanwhile."""

from __future__ import annotations

import asyncio
import time

import pytest

from accounts.tokens import create_token
from builds.consumers import _open_reader
from builds.core.states import State
from builds.live import announce
from builds.logs.archive import archive_log
from builds.models import Build
from builds.models.log import DatabaseFrames
from tests.builds.live.conftest import Page, close_feeds, finish, in_thread
from tests.factories import make_build, make_user


def lines(first, end):
    return b"".join(b"line %d\n" % n for n in range(first, end))


def texts(first, end):
    return [f"line {n}" for n in range(first, end)]


async def test_it_begins_with_a_snapshot_and_goes_on_with_lines(page, writer):
    await in_thread(writer.write)(0, lines(0, 300))
    await asyncio.sleep(0.2)
    viewer = await page()
    snapshot = await viewer.hear()
    assert (snapshot["type"], snapshot["state"], snapshot["sentence"]) == (
        "snapshot",
        "building",
        "Building the image.",
    )
    (step,) = snapshot["steps"]
    assert (step["name"], step["state"], step["lines"]) == ("RUN make", "running", 300)
    [[first_time, at_ms]] = step["tail"].pop("times")
    assert (first_time, abs(at_ms - time.time() * 1000) < 60_000) == (100, True)
    assert step["tail"] == {"first_line": 100, "lines": texts(100, 300)}
    await in_thread(writer.write)(0, b"line 300\nand th")
    log = await viewer.hear()
    assert (log["type"], log["first_line"], log["lines"]) == ("log", 300, ["line 300"])
    partial = await viewer.hear()
    assert (partial["type"], partial["line"], partial["text"]) == ("partial", 301, "and th")


async def test_it_ends_with_the_final_count_of_every_step(page, writer, build):
    viewer = await page()
    await viewer.hear()
    await in_thread(writer.write)(0, b"one\ntwo")
    await in_thread(finish)(build, writer)
    end = await viewer.until("end")
    assert end["state"] == "succeeded"
    assert end["steps"] == [{"index": 0, "lines": 2}]
    assert viewer.text(0) == ["one", "two"]
    assert (await viewer.socket.receive_output(5)) == {"type": "websocket.close", "code": 1000}


async def test_q06_a_page_opened_after_the_end_gets_it_all(page, writer, build):
    await in_thread(writer.write)(0, lines(0, 500))
    await in_thread(finish)(build, writer)
    viewer = await page()
    await viewer.until("end")
    reader = await in_thread(_open_reader)(build.pk, 1)
    assert await in_thread(viewer.text)(0, reader) == texts(0, 500)
    await in_thread(archive_log)(build.pk, 1, store=DatabaseFrames())
    await close_feeds()
    archived = await page()
    await archived.until("end")
    assert await in_thread(archived.text)(0, reader) == texts(0, 500)


async def test_q06_late_and_slow_viewers_and_two_tabs_end_with_exactly_the_stored_log(page, writer, build):
    early, slow = await page(), await page()
    await early.hear()

    def print_lines(first, end):
        for start in range(first, end, 50):
            writer.write(0, lines(start, start + 50))
            time.sleep(0.01)

    printing = asyncio.create_task(in_thread(print_lines)(0, 5000))
    await early.until_line("line 2499")
    late, tab = await page(), await page()
    await printing
    await in_thread(finish)(build, writer)
    reader = await in_thread(_open_reader)(build.pk, 1)
    for viewer in (early, late, tab, slow):
        await viewer.until("end")
        assert await in_thread(viewer.text)(0, reader) == texts(0, 5000)
    frames = [message for message in early.messages if message["type"] == "log"]
    assert len(frames) < 150, "5,000 lines in a second are a few dozen messages"


async def test_q06_a_viewer_that_comes_back_with_its_cursor_hears_only_what_it_missed(page, writer, build):
    viewer = await page()
    await viewer.hear()
    await in_thread(writer.write)(0, lines(0, 10))
    await viewer.until_line("line 9")
    await viewer.socket.disconnect()
    await in_thread(writer.write)(0, lines(10, 20))
    await asyncio.sleep(0.2)
    again = await page(cursor=viewer.cursor)
    await again.until_line("line 19")
    assert [message["type"] for message in again.messages] == ["log"]
    assert again.lines[0] == dict(enumerate(texts(10, 20), 10))


@pytest.mark.parametrize("cursor", ["nonsense", "0.0", "abc.99999999999999999999", "²"])
async def test_it_answers_an_unknown_cursor_with_a_snapshot(page, writer, cursor):
    viewer = await page(cursor=cursor)
    assert (await viewer.hear())["type"] == "snapshot"


async def test_it_answers_with_a_snapshot_after_the_web_process_was_restarted(page, writer, build):
    viewer = await page()
    await viewer.hear()
    await in_thread(writer.write)(0, lines(0, 10))
    await viewer.until_line("line 9")
    await viewer.socket.disconnect()
    await close_feeds()
    again = await page(cursor=viewer.cursor)
    assert (await again.hear())["steps"][0]["tail"]["lines"] == texts(0, 10)


async def test_it_goes_on_when_redis_dies_and_comes_back(page, writer, build, site):
    viewer = await page()
    await viewer.hear()
    await in_thread(writer.write)(0, lines(0, 10))
    await viewer.until_line("line 9")
    site.kill()
    await in_thread(writer.write)(0, lines(10, 20))
    await viewer.until_line("line 19")  # from the database, which has it two seconds later
    await in_thread(site.start)()
    await in_thread(writer.write)(0, lines(20, 30))
    await viewer.until_line("line 29")
    await in_thread(finish)(build, writer)
    await viewer.until("end")
    assert viewer.text(0) == texts(0, 30)


async def test_it_shows_a_log_and_its_end_while_redis_stays_away(page, writer, build, site):
    site.kill()
    viewer = await page()
    assert (await viewer.hear(10))["type"] == "snapshot"
    await in_thread(writer.write)(0, lines(0, 10))
    await in_thread(finish)(build, writer)
    await viewer.until("end")
    assert viewer.text(0) == texts(0, 10)


async def test_it_begins_anew_when_another_attempt_starts(page, writer, build):
    viewer = await page()
    await viewer.hear()

    def start_again():
        Build.objects.filter(pk=build.pk).update(attempt=2, state=State.PREPARING)
        announce(build.pk, "claimed", {"attempt": 2})

    await in_thread(start_again)()
    snapshot = await viewer.until("snapshot")
    assert (snapshot["attempt"], snapshot["state"], snapshot["steps"]) == (2, "preparing", [])


async def test_it_tells_of_steps_and_progress_in_the_order_of_the_log(page, writer):
    viewer = await page()
    await viewer.hear()

    def run():
        writer.event("step", {"index": 1, "name": "COPY . .", "state": "running"})
        writer.write(1, b"copied\n")
        writer.event("progress", {"step": 1, "id": "context", "current": 5, "total": 10})
        writer.event("step", {"index": 1, "name": "COPY . .", "state": "succeeded"})

    await in_thread(run)()
    heard = [await viewer.hear() for _ in range(4)]
    assert [message["type"] for message in heard] == ["step", "log", "progress", "step"]
    assert heard[2]["text"] == "context 5 B of 10 B"


async def test_b03_it_sends_whole_characters_only(page, writer):
    viewer = await page()
    await viewer.hear()
    for piece in (b"caf\xc3", b"\xa9 \xf0\x9f", b"\x9a\x80 \xff\x00 u\xe2\x80\xa8v\nnext\n"):
        await in_thread(writer.write)(0, piece)
        await asyncio.sleep(0.1)
    await viewer.until_line("next")
    assert viewer.lines[0][0] == "café 🚀 \ufffd\x00 u\u2028v"


async def test_it_cuts_a_line_of_10_mb_in_messages_and_says_so(page, writer, build):
    viewer = await page()
    await viewer.hear()

    def flood():
        for _ in range(320):
            writer.write(0, b"x" * 32768)
        writer.write(0, b"\nshort\n")

    await in_thread(flood)()
    await viewer.until_line("short", within=20)
    long = [message for message in viewer.messages if message.get("truncated")]
    assert all(len(message["lines"]) == 1 and len(message["lines"][0]) == 65536 for message in long)
    reader = await in_thread(_open_reader)(build.pk, 1)
    assert len((await in_thread(reader.lines)(0, 0, 1)).lines[0]) == 320 * 32768


async def test_it_hides_a_build_from_strangers(page, site):
    for user in (None, await in_thread(make_user)("mallory")):
        viewer = await page(user=user)
        assert (await viewer.socket.receive_output(5)) == {"type": "websocket.close", "code": 4404}


async def test_it_answers_an_unknown_build_as_a_hidden_one(site, admin):
    async with Page(999_999, admin) as viewer:
        assert (await viewer.socket.receive_output(5)) == {"type": "websocket.close", "code": 4404}


@pytest.mark.parametrize(("is_right", "kind"), [(True, "websocket.send"), (False, "websocket.close")])
async def test_it_takes_a_token_in_place_of_a_session(page, admin, is_right, kind):
    _, token = await in_thread(create_token)(admin, "cli")
    header = f"Bearer {token if is_right else token[:-1] + '!'}".encode()
    viewer = await page(user=None, headers=[(b"authorization", header)])
    assert (await viewer.socket.receive_output(5))["type"] == kind


async def test_b05_it_speaks_in_silence(page, writer, monkeypatch):
    monkeypatch.setattr("builds.live.feed.HEARTBEAT_S", 0.1)
    viewer = await page()
    await viewer.hear()
    ping = await viewer.hear()
    assert (ping["type"], ping["cursor"]) == ("ping", viewer.messages[0]["cursor"])


async def test_it_follows_a_build_that_waits(site, admin):
    build = await in_thread(make_build)(state=State.QUEUED)
    async with Page(build.pk, admin) as viewer:
        assert (await viewer.hear())["state"] == "queued"

        def claim():
            Build.objects.filter(pk=build.pk).update(state=State.PREPARING, attempt=1)
            announce(build.pk, "claimed", {"attempt": 1})

        await in_thread(claim)()
        assert (await viewer.until("snapshot"))["state"] == "preparing"
    await close_feeds()
