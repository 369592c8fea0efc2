"""Django behind ASGI with one visit to a thread for each request, where Django's own handler makes half a dozen.

Of middleware that is asynchronous as well as synchronous, and some that is not (whitenoise), Django made a chain which
went to a thread, back to the event loop and to a thread again, and the signals around it went there too: as much of the
processor as the view of most pages takes. Here all of it runs in one thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

import django
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.db import close_old_connections
from django.http import FileResponse, HttpResponseBase
from django.urls import set_script_prefix

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
# Threads come as requests are there at the same time, of which some may wait for a slow registry. Each may hold one of
# PostgreSQL's connections, of which there are 100 unless its operator says otherwise.
THREADS = 64


def http_application() -> ThreadHandler:
    """Set Django up, and give what answers HTTP."""
    django.setup(set_prefix=False)
    return ThreadHandler()


class ThreadHandler(ASGIHandler):
    """`ASGIHandler` with synchronous middleware. Asynchronous views still run on the event loop, and end early there.

    Threads outlive their requests. Each request closes its database connection at its end, as ever.
    """

    def __init__(self) -> None:
        BaseHandler.__init__(self)
        self.load_middleware(is_async=False)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="web")
        self._in_thread = sync_to_async(self._answer, thread_sensitive=False, executor=self._threads)

    def close(self) -> None:
        """End its threads, once what they do is done."""
        self._threads.shutdown()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request, or stop waiting for its answer once who asked has left."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        answering = asyncio.create_task(self._serve(Visit(scope, body), send))
        leaving = asyncio.create_task(self.listen_for_disconnect(receive))
        await asyncio.wait([answering, leaving], return_when=asyncio.FIRST_COMPLETED)
        # Which of them is over already does not mind.
        leaving.cancel()
        answering.cancel()
        _, fault = await asyncio.gather(leaving, answering, return_exceptions=True)
        if isinstance(fault, Exception):
            raise fault

    async def _serve(self, visit: Visit, send: Send) -> None:
        try:
            response = await self._in_thread(visit)
        except asyncio.CancelledError:
            if (late := visit.leave()) is not None:
                self._threads.submit(late.close)
            raise
        if response is None:
            return
        if not response.streaming:
            await self.send_response(response, send)
            return
        # A stream is read piece by piece in one thread, where its connection to the database is closed at the end too.
        async with ThreadSensitiveContext():
            try:
                await self.send_response(response, send)
            finally:
                await sync_to_async(response.close)()

    def _answer(self, visit: Visit) -> HttpResponseBase | None:
        """A request from its start to its end; one whose answer is a stream ends behind the last piece of that."""
        if not visit.begin():
            return None
        set_script_prefix(get_script_prefix(visit.scope))
        signals.request_started.send(sender=self.__class__, scope=visit.scope)
        try:
            request, refusal = self.create_request(visit.scope, visit.body)
            response = refusal if request is None else self.get_response(request)
        except BaseException:  # the wait for an asynchronous view was ended
            visit.body.close()
            signals.request_finished.send(sender=self.__class__)
            raise
        assert response is not None  # one of the two is always there
        response._handler_class = self.__class__  # type: ignore[attr-defined]  # noqa: SLF001 — Django's own handlers do
        if request is None:
            visit.body.close()  # a request closes its own
        if isinstance(response, FileResponse):
            response.block_size = self.chunk_size
        if response.streaming and visit.hand_over(response):
            close_old_connections()
        else:
            response.close()
        return response


class Visit:
    """A request on its way through a thread, which nobody can stop: who leaves meanwhile leaves the rest to the thread.

    Its body stays open as long as the thread may read it, and its answer is closed by exactly one: the thread, or who
    waits for it.
    """

    def __init__(self, scope: dict[str, Any], body: IO[bytes]) -> None:
        self.scope, self.body = scope, body
        self.stream: HttpResponseBase | None = None
        self._has_begun = self._is_left = False
        self._lock = threading.Lock()

    def begin(self) -> bool:
        """Whether somebody still waits for the answer."""
        with self._lock:
            self._has_begun = not self._is_left
        return self._has_begun

    def hand_over(self, stream: HttpResponseBase) -> bool:
        """Leave the stream to who waits for it; False where nobody does, and it is the thread's to close."""
        with self._lock:
            self.stream = None if self._is_left else stream
        return self.stream is not None

    def leave(self) -> HttpResponseBase | None:
        """Wait no longer. What was handed over and reached nobody is the caller's to close."""
        with self._lock:
            self._is_left = True
            if not self._has_begun:
                self.body.close()
            return self.stream
