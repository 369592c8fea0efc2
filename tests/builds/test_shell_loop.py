"""The loop of a shell with a real terminal and a real Redis, and a program of this machine in the container's place."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from django.core.files.storage import storages

from builds.actions import debug_shells
from builds.engine.stopflag import StopFlag
from builds.live.shell_line import WINDOW_BYTES, WorkerLine, _in, _out, _signs
from builds.logs import transcripts
from builds.models import DebugSession
from builds.pipeline import shell_loop
from tests.builds.debugging import make_failed, make_image, make_session
from tests.builds.live.conftest import site  # noqa: F401 — a fixture
from tests.builds.logs.conftest import _killable_redis, own_redis  # noqa: F401 — fixtures
from tests.factories import make_admin

QUIET = ["sh", "-c", "stty sane -echo; echo ready; exec sh -i"]


class Viewer:
    """The browser's end, without a browser."""

    def __init__(self, session: DebugSession, redis) -> None:
        self.redis, self.session = redis, session
        self.shown, self.last, self.reason = b"", b"0", ""

    def type(self, text: bytes) -> None:
        self.redis.xadd(_in(self.session.pk), {"k": "data", "d": text})

    def sign(self, kind: str, data: bytes = b"") -> None:
        self.redis.xadd(_signs(self.session.pk), {"k": kind, "d": data})

    def look(self, *, acks: bool = True) -> None:
        for entry, fields in self.redis.xrange(
            _out(self.session.pk), min=b"(" + self.last if self.last != b"0" else "-"
        ):
            self.last = entry
            if fields[b"k"] == b"data":
                self.shown += fields[b"d"]
        if acks:
            self.sign("ack", self.last)

    def until(self, words: bytes) -> bytes:
        give_up = time.monotonic() + 20
        while words not in self.shown:
            assert time.monotonic() < give_up, self.shown[-2000:]
            self.look()
            time.sleep(0.02)
        return self.shown


@pytest.fixture
def session(site) -> DebugSession:  # noqa: F811
    build = make_failed()
    build.source.token = "s3cret-token-of-the-source"
    build.source.save()
    return make_session(make_image(build), make_admin())


@contextmanager
def running(session: DebugSession, redis, argv: list[str] = QUIET):
    """A shell in a thread, and its viewer; it has ended afterwards."""
    line, stop = WorkerLine(session.pk), StopFlag()
    viewer = Viewer(session, redis)
    row = DebugSession.objects.select_related("debug_image__build__repository__registry", "user").get(pk=session.pk)
    attended = shell_loop.ShellLoop(row, "w1", stop, line)
    docker, box = SimpleNamespace(environment={"PATH": "/usr/bin:/bin"}), SimpleNamespace(attach=argv)

    def run() -> None:
        from django.db import connection

        try:
            viewer.reason = attended.run(docker, box)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield viewer
    finally:
        stop.set("drain")
        thread.join(20)
        line.close()
        assert not thread.is_alive()


@pytest.fixture
def client(site):  # noqa: F811
    from builds.logs.stream import connect

    client = connect(site.url)
    yield client
    client.close()


def ended(viewer: Viewer, *, acks: bool = True) -> str:
    give_up = time.monotonic() + 20
    while not viewer.reason:
        assert time.monotonic() < give_up, viewer.shown[-2000:]
        viewer.look(acks=acks)
        time.sleep(0.05)
    return viewer.reason


def test_what_is_typed_reaches_the_program_and_what_it_prints_comes_back(session, client):
    with running(session, client) as viewer:
        viewer.until(b"ready")
        viewer.type(b"echo $((40+2))\n")
        viewer.until(b"42")
        viewer.type(b"exit\n")
        assert ended(viewer) == "The shell ended."


def test_secrets_are_masked_on_the_screen_and_in_the_transcript(session, client):
    with running(session, client) as viewer:
        viewer.until(b"ready")
        viewer.type(b"echo is s3cret-token-of-the-source here; exit\n")
        viewer.until(b"is *** here")
        ended(viewer)
    session.refresh_from_db()
    kept = transcripts.read(storages["logs"], session.transcript)
    assert b"is *** here" in kept and b"s3cret" not in kept


def test_the_program_hears_of_a_new_size(session, client):
    with running(session, client) as viewer:
        viewer.until(b"ready")
        viewer.sign("resize", b"99x33")
        viewer.type(b"until stty size | grep '33 99'; do sleep 0.1; done; exit\n")
        viewer.until(b"33 99")


def test_a_program_that_prints_without_end_waits_for_the_viewer(session, client):
    with running(session, client) as viewer:
        viewer.until(b"ready")
        viewer.type(b"yes 0123456789\n")
        for _ in range(20):
            viewer.look(acks=False)
            time.sleep(0.05)
        assert len(viewer.shown) < 2 * WINDOW_BYTES
        viewer.type(b"\x03")
        viewer.type(b"echo af''ter; exit\n")
        assert b"after" in viewer.until(b"after")


def test_what_is_typed_to_a_program_that_reads_nothing_holds_nothing_else_up(session, client):
    with running(session, client, ["sh", "-c", "stty -echo raw; echo ready; sleep 60"]) as viewer:
        viewer.until(b"ready")
        for _ in range(400):
            viewer.type(b"x" * 1000)
        viewer.sign("resize", b"99x33")
        time.sleep(1)
        assert client.xlen(_in(session.pk)) > 0  # left where the web process sees it
        assert client.xlen(_signs(session.pk)) == 0


def test_nobody_types_for_too_long(session, client, settings):
    settings.SHELL_IDLE_MINUTES = 0
    with running(session, client) as viewer:
        assert ended(viewer) == "Nobody typed for 0 min."


def test_its_page_is_gone_for_too_long(session, client, monkeypatch):
    monkeypatch.setattr(shell_loop, "UNSEEN_S", 0.5)
    with running(session, client) as viewer:
        assert ended(viewer, acks=False) == "Its page was closed."


def test_it_ends_for_whoever_closes_the_row(session, client):
    with running(session, client) as viewer:
        viewer.until(b"ready")
        debug_shells.close_shell(session.pk, "You closed it.")
        assert ended(viewer) == "You closed it."


def test_a_redis_that_is_away_for_a_moment_loses_nothing(session, client, site):  # noqa: F811
    with running(session, client) as viewer:
        viewer.until(b"ready")
        viewer.type(b"sleep 1; echo la''ter\n")
        time.sleep(0.5)
        site.kill()
        time.sleep(1.5)
        site.start()
        viewer.last = b"0"
        assert b"later" in viewer.until(b"later")
