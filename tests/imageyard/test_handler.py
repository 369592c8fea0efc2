"""How web hands requests to Django: one visit to a thread each, and nothing of a request is left behind in it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.core import signals
from django.db import connection
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path

from imageyard.handler import ThreadHandler

SCOPE = {"type": "http", "method": "GET", "headers": [(b"host", b"testserver")], "query_string": b""}
SCOPE |= {"http_version": "1.1", "scheme": "http"}
seen: list[tuple[str, str]] = []
waits, left = threading.Event(), threading.Event()
streams = threading.Barrier(1)


def note(what: str) -> None:
    seen.append((what, threading.current_thread().name))


def ask_database() -> None:
    connection.ensure_connection()


def plain(request: HttpRequest) -> HttpResponse:
    note("view")
    ask_database()
    return HttpResponse(request.body)


def broken(_request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a fault")


async def endless(_request: HttpRequest) -> HttpResponse:
    await sync_to_async(ask_database)()
    waits.set()
    try:
        await asyncio.sleep(3600)
    finally:
        left.set()
    return HttpResponse()


def stream(_request: HttpRequest) -> StreamingHttpResponse:
    note("view")
    ask_database()

    def piece(number: int) -> bytes:
        note("piece")
        streams.wait(5)
        ask_database()
        return b"%d" % number

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(3):
            yield await sync_to_async(piece)(number)

    return StreamingHttpResponse(pieces())


urlpatterns = [path("plain", plain), path("broken", broken), path("endless", endless), path("stream", stream)]
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db(transaction=True)]


@contextmanager
def noting() -> Iterator[None]:
    """Note in which threads a request starts and finishes; afterwards no thread has a connection open that it made."""
    made = []

    def started(**_: Any) -> None:
        note("started")

    def finished(**_: Any) -> None:
        note("finished")

    def connected(connection: Any, **_: Any) -> None:
        made.append(connection)

    seen.clear()
    waits.clear()
    left.clear()
    signals.request_started.connect(started)
    signals.request_finished.connect(finished)
    connection_created.connect(connected)
    try:
        yield
        assert [each.connection for each in made] == [None] * len(made)
    finally:
        connection_created.disconnect(connected)
        signals.request_started.disconnect(started)
        signals.request_finished.disconnect(finished)


async def answer(page: str, body: bytes = b"") -> tuple[int, bytes]:
    browser = ApplicationCommunicator(ThreadHandler(), SCOPE | {"path": f"/{page}"})
    await browser.send_input({"type": "http.request", "body": body})
    status = (await browser.receive_output(5))["status"]
    told, more = b"", True
    while more:
        message = await browser.receive_output(5)
        told, more = told + message.get("body", b""), message.get("more_body", False)
    await browser.wait(5)
    return status, told


@pytest.mark.asyncio
async def test_a_request_is_in_one_thread_from_its_start_to_its_end():
    with noting():
        assert await answer("plain", b"hello") == (200, b"hello")
    assert [what for what, _ in seen] == ["started", "view", "finished"]
    assert len({thread for _, thread in seen}) == 1


@pytest.mark.asyncio
async def test_a_fault_and_an_address_that_is_no_text_end_like_any_other(caplog):
    with noting():
        assert (await answer("broken"))[0] == 500
        browser = ApplicationCommunicator(ThreadHandler(), SCOPE | {"path": "/plain", "query_string": b"\xff"})
        await browser.send_input({"type": "http.request", "body": b""})
        assert (await browser.receive_output(5))["status"] == 400
        await browser.wait(5)
    assert [what for what, _ in seen] == ["started", "finished"] * 2


@pytest.mark.asyncio
async def test_a_stream_is_read_in_one_thread_and_ends_there_and_leaves_no_connection_anywhere():
    with noting():
        assert await answer("stream") == (200, b"012")
    assert [what for what, _ in seen] == ["started", "view", "piece", "piece", "piece", "finished"]
    assert len({thread for what, thread in seen if what in {"piece", "finished"}}) == 1


@pytest.mark.asyncio
async def test_two_streams_do_not_wait_for_each_other(monkeypatch):
    monkeypatch.setattr(f"{__name__}.streams", threading.Barrier(2))
    assert await asyncio.gather(answer("stream"), answer("stream")) == [(200, b"012")] * 2


@pytest.mark.asyncio
async def test_an_asynchronous_view_ends_when_its_client_leaves():
    browser = ApplicationCommunicator(ThreadHandler(), SCOPE | {"path": "/endless"})
    with noting():
        await browser.send_input({"type": "http.request", "body": b""})
        assert await sync_to_async(waits.wait, thread_sensitive=False)(5)
        await browser.send_input({"type": "http.disconnect"})
        assert await sync_to_async(left.wait, thread_sensitive=False)(5)
        await browser.wait(5)
    assert [what for what, _ in seen] == ["started", "finished"]
