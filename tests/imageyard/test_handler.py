"""How web hands requests to Django: one visit to a thread each, and nothing of a request is left behind in it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.core import signals
from django.db import connection
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import path

from imageyard.handler import ThreadHandler, Visit
from tests.processes import wait_until

SCOPE = {"type": "http", "method": "GET", "headers": [(b"host", b"testserver")], "query_string": b""}
SCOPE |= {"http_version": "1.1", "scheme": "http"}
seen: list[tuple[str, str]] = []
bodies: list[Any] = []
waits, left, may_go_on = threading.Event(), threading.Event(), threading.Event()
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


async def nothing() -> AsyncIterator[bytes]:
    for piece in ():
        yield piece


def slow(request: HttpRequest) -> HttpResponseBase:
    """Begins, and reads what it was sent when it may go on; told to by `?stream`, it answers with a stream."""
    waits.set()
    may_go_on.wait(5)
    ask_database()
    note(request.read().decode())
    bodies.append(request._stream)
    return StreamingHttpResponse(nothing()) if request.GET else HttpResponse()


urlpatterns = [path(view.__name__, view) for view in (plain, broken, endless, stream, slow)]
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
    bodies.clear()
    for event in (waits, left, may_go_on):
        event.clear()
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


async def ask(page: str, body: bytes = b"", query: bytes = b"", handler: ThreadHandler | None = None) -> Any:
    scope = SCOPE | {"path": f"/{page}", "query_string": query}
    browser = ApplicationCommunicator(handler or ThreadHandler(), scope)
    await browser.send_input({"type": "http.request", "body": body})
    return browser


async def happened(event: threading.Event) -> bool:
    return bool(await sync_to_async(event.wait, thread_sensitive=False)(5))


async def answer(page: str, body: bytes = b"") -> tuple[int, bytes]:
    browser = await ask(page, body)
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
        browser = await ask("plain", query=b"\xff")
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
    with noting():
        browser = await ask("endless")
        assert await happened(waits)
        await browser.send_input({"type": "http.disconnect"})
        assert await happened(left)
        await browser.wait(5)
    assert [what for what, _ in seen] == ["started", "finished"]


@pytest.mark.asyncio
@pytest.mark.parametrize("query", [b"", b"stream=1"])
async def test_a_view_whose_client_leaves_reads_what_it_was_sent_and_its_answer_is_closed(query):
    handler = ThreadHandler()
    with noting():
        browser = await ask("slow", b"hello", query, handler)
        assert await happened(waits)
        await browser.send_input({"type": "http.disconnect"})
        await browser.wait(5)
        may_go_on.set()
        await sync_to_async(handler.close, thread_sensitive=False)()
    assert [what for what, _ in seen] == ["started", "hello", "finished"]
    assert [body.closed for body in bodies] == [True]


@pytest.mark.asyncio
async def test_a_request_whose_client_leaves_before_a_thread_is_free_is_not_answered_at_all(monkeypatch):
    monkeypatch.setattr("imageyard.handler.THREADS", 1)
    handler = ThreadHandler()
    with noting():
        first = await ask("slow", b"first", handler=handler)
        assert await happened(waits)
        second = await ask("slow", b"second", handler=handler)
        await asyncio.sleep(0)
        await second.send_input({"type": "http.disconnect"})
        await second.wait(5)
        may_go_on.set()
        assert (await first.receive_output(5))["status"] == 200
        await first.wait(5)
        await sync_to_async(handler.close, thread_sensitive=False)()
    assert [what for what, _ in seen] == ["started", "first", "finished"]


@pytest.mark.asyncio
async def test_a_stream_that_is_made_just_as_its_client_leaves_is_closed():
    """Its thread has handed it over, and who waits for it leaves before the event loop has seen it."""
    handler, body = ThreadHandler(), BytesIO(b"hello")
    visit = Visit(SCOPE | {"path": "/slow", "query_string": b"stream=1"}, body)

    async def send(_message: Any) -> None:
        note("sent")

    with noting():
        may_go_on.set()
        waiting = asyncio.create_task(handler._serve(visit, send))
        await asyncio.sleep(0)
        assert wait_until(lambda: visit.stream is not None)  # the event loop stands still meanwhile
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await sync_to_async(handler.close, thread_sensitive=False)()
    assert [what for what, _ in seen] == ["started", "hello", "finished"]
    assert body.closed
