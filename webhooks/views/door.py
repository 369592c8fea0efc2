"""The webhook address under ASGI: straight from the server to the action, around Django's middleware.

The view in `inbound` does the same for every other server; both read, hand to one action, and answer alike.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, connections
from django.http import HttpResponse

from webhooks.actions import Bell, Inbound
from webhooks.views.inbound import respond, ring

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[..., Awaitable[None]]

_PREFIX = "/webhooks/"
_IN_MEMORY_BYTES = 1024 * 1024
_THREADS = 4
_BETWEEN_RINGS_S = 0.05


class _Gone(Exception):  # noqa: N818 — the sender hung up; nobody is to blame here
    """The sender went away before the body was whole."""


class WebhookDoor:
    """Wraps the HTTP application and takes `POST /webhooks/<forge>/<source id>` out of its hands.

    Bodies wait on disk once they are larger than 1 MiB, and at most four are in memory at once, whoever sends them.
    One that is too large is left unread from there on; the server throws the rest away, so that the sender gets to
    read the answer. The threads keep their database connections.
    """

    def __init__(self, app: App, *, threads: int = _THREADS) -> None:
        self.app = app
        self._count = threads
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="webhooks")
        self._ringer = _Ringer()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = _address(scope)
        if address is None:
            await self.app(scope, receive, send)
            return
        with SpooledTemporaryFile(_IN_MEMORY_BYTES) as spool:
            try:
                is_too_large = await _read(scope, receive, spool)
            except _Gone:
                return
            work = partial(_work, address, _headers(scope), spool, is_too_large)
            response, bells = await asyncio.get_running_loop().run_in_executor(self._threads, work)
        await _send(response, send)
        self._ringer.ring(bells)

    async def close(self) -> None:
        """Wait for what was begun, and close the connections, as far as each thread gets its turn."""
        await self._ringer.wait()
        for _ in range(self._count):
            await asyncio.get_running_loop().run_in_executor(self._threads, connections.close_all)
        self._threads.shutdown()


def _address(scope: Scope) -> tuple[str, str] | None:
    """Forge and source id; None for whatever the application answers itself, such as a GET."""
    if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith(_PREFIX):
        return None
    forge, slash, source_id = scope["path"].removeprefix(_PREFIX).removesuffix("/").partition("/")
    return (forge, source_id) if forge and slash and source_id and "/" not in source_id else None


def _headers(scope: Scope) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


async def _read(scope: Scope, receive: Receive, spool: SpooledTemporaryFile[bytes]) -> bool:
    """Read the body into `spool`; True, and no further, once it is too large. What it says of its length may lie."""
    left = settings.WEBHOOK_MAX_BYTES
    announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if announced.isdigit() and int(announced[:20]) > left:
        return True
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise _Gone
        chunk, more = message.get("body", b""), message.get("more_body", False)
        left -= len(chunk)
        if left < 0:
            return True
        spool.write(chunk)
    return False


def _work(
    address: tuple[str, str], headers: dict[str, str], spool: SpooledTemporaryFile[bytes], is_too_large: bool
) -> tuple[HttpResponse, list[Bell]]:
    body = b""
    if not is_too_large:
        spool.seek(0)
        body = spool.read()
    forge, source_id = address
    inbound = Inbound(forge=forge, source_id=source_id, headers=headers, body=body, is_too_large=is_too_large)
    try:
        return respond(inbound)
    except (OperationalError, InterfaceError):
        # The connection may have died while it was idle. What was begun is rolled back, so it can be done again.
        connection.close()
    return respond(inbound, is_last_try=True)


async def _send(response: HttpResponse, send: Send) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    headers.append((b"content-length", str(len(response.content)).encode()))
    headers.append((b"x-content-type-options", b"nosniff"))
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": response.content})


class _Ringer:
    """Rings at once after a pause, and whatever piles up meanwhile once, in a thread of its own.

    A flood rings twenty times a second and not two hundred: each ring costs as much as an answer, and says no more.
    """

    def __init__(self) -> None:
        self._waiting: dict[Any, Bell] = {}
        self._task: asyncio.Task[None] | None = None

    def ring(self, bells: list[Bell]) -> None:
        for bell in bells:
            # As text, for what is told to the pages is a dict among the arguments.
            self._waiting[(bell.func, repr(bell.args)) if isinstance(bell, partial) else id(bell)] = bell
        if self._waiting and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._ring())

    async def _ring(self) -> None:
        while self._waiting:
            bells, self._waiting = list(self._waiting.values()), {}
            await sync_to_async(ring, thread_sensitive=False)(bells)
            await asyncio.sleep(_BETWEEN_RINGS_S)

    async def wait(self) -> None:
        if self._task is not None:
            await self._task
