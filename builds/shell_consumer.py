"""The WebSocket of a shell in the browser: carries bytes both ways, and looks again and again whether it may.

The session's worker runs the shell; between the two there is only Redis (`builds.live.shell_line`).
"""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import suppress
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.contrib.auth import aget_user
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from redis.exceptions import RedisError

from accounts.models import User
from builds.actions.debug_shells import close_shell, session_for
from builds.consumers import NOT_FOUND, TRY_AGAIN, query_value, user_of
from builds.live.shell_line import MOST_WAITING, ViewerLine
from builds.models import DebugSession

LOOK_S = 5.0
WAIT_S = 5.0
ENDED = 1000
FORBIDDEN = 4403
TOO_MUCH = 1009
# One message of a browser: a pasted text is cut by the page.
MOST_TYPED = 16 * 1024
MOST_MESSAGE = 32 * 1024
MOST_CURSOR = 40


class ShellConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """`/ws/debug/<session>/`: docs/debug.md lists the messages. Only the person who opened the shell gets in."""

    channel_layer_alias = "none"

    async def connect(self) -> None:
        self.session_id = self.scope["url_route"]["kwargs"]["session_id"]
        self.line: ViewerLine | None = None
        self.tasks: list[asyncio.Task[None]] = []
        await self.accept()
        session = await self._may()
        if session is None:
            await self.close(code=NOT_FOUND)
            return
        if session.closed_at is not None:
            await self._end(session.end_reason)
            return
        self.line = ViewerLine(self.session_id)
        cursor = query_value(self.scope, "cursor")[:MOST_CURSOR].encode("ascii", "ignore")
        self.tasks = [asyncio.create_task(self._read(cursor or b"0")), asyncio.create_task(self._watch())]

    async def disconnect(self, code: int) -> None:  # noqa: ARG002 — the name is Channels'
        for task in self.tasks:
            task.cancel()
        if self.line is not None:
            await self.line.close()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:  # noqa: ARG002
        """What the page sends, `{"type": "data" | "resize" | "ack", …}`. Awaited: nobody types faster than it goes."""
        if self.line is None or text_data is None:
            return
        if len(text_data) > MOST_MESSAGE:
            await self.close(code=TOO_MUCH)
            return
        with suppress(ValueError, TypeError, KeyError):
            kind, data = _read_message(json.loads(text_data))
            await self._hand_on(kind, data)

    async def _hand_on(self, kind: str, data: bytes) -> None:
        assert self.line is not None
        try:
            if kind != "data":
                await self.line.sign(kind, data)
                return
            waiting = await self.line.type(data)
            for _ in range(100):
                if waiting <= MOST_WAITING:
                    return
                await asyncio.sleep(0.1)
                waiting = await self.line.waiting()
        except (RedisError, OSError):
            await self.close(code=TRY_AGAIN)

    async def _read(self, cursor: bytes) -> None:
        """Everything that the shell shows, from `cursor` on."""
        assert self.line is not None
        try:
            await self.line.sign("hello")
            while True:
                for entry, said in await self.line.next(cursor, WAIT_S):
                    cursor = entry
                    if said.kind == "end":
                        await self._end(said.data.decode("utf-8", "replace"))
                        return
                    data = base64.b64encode(said.data).decode() if said.kind == "data" else said.data.decode()
                    await self._tell(type=said.kind, cursor=entry.decode(), data=data)
        except (RedisError, OSError):
            await self.close(code=TRY_AGAIN)

    async def _watch(self) -> None:
        """Tell the worker that somebody looks, the page what is done for it, and look whether it may go on."""
        assert self.line is not None
        said = ""
        while True:
            session = await self._may()
            if session is None:
                await database_sync_to_async(close_shell)(self.session_id, "You logged out, or lost the write role.")
                await self.close(code=FORBIDDEN)
                return
            if session.closed_at is not None:
                await self._end(session.end_reason)
                return
            if session.sentence and session.sentence != said:
                said = session.sentence
                await self._tell(type="wait", data=said)
            try:
                await self.line.sign("ping")
            except (RedisError, OSError):
                await self.close(code=TRY_AGAIN)
                return
            await asyncio.sleep(LOOK_S if session.started_at else 1.0)

    async def _may(self) -> DebugSession | None:
        """The session, as long as this socket's person is logged in and may have it."""
        user = await self._person()
        return await database_sync_to_async(session_for)(user, self.session_id) if user is not None else None

    async def _person(self) -> User | None:
        """Who is at the other end now: a session that was logged out is nobody, as is a revoked token."""
        headers = dict(self.scope.get("headers", []))
        if b"authorization" in headers:
            user = await database_sync_to_async(user_of)(self.scope)
        elif b"origin" not in headers and not settings.DEBUG:
            return None  # a browser always says where it comes from, and its cookie alone must not be enough
        else:
            user = await _logged_in(self.scope)
        return user if isinstance(user, User) and user.is_active else None

    async def _end(self, reason: str) -> None:
        await self._tell(type="end", data=reason)
        await self.close(code=ENDED)

    async def _tell(self, **message: Any) -> None:
        await self.send(text_data=json.dumps(message))


async def _logged_in(scope: dict[str, Any]) -> Any:
    """The user of the socket's session as it is in the database now."""
    session = scope.get("session")
    if session is None or not session.session_key:
        return AnonymousUser()
    request = HttpRequest()
    request.session = type(session)(session.session_key) if not hasattr(session, "_wrapped") else _anew(session)
    return await aget_user(request)


def _anew(session: Any) -> Any:
    """A session of the same key that has read nothing yet; Channels' is a lazy object around the real one."""
    return session._wrapped.__class__(session.session_key)  # noqa: SLF001


def _read_message(message: Any) -> tuple[str, bytes]:
    """Kind and bytes for the worker. Raises ValueError, TypeError or KeyError for anything else."""
    match message["type"]:
        case "data":
            data = str(message["data"]).encode("utf-8", "replace")
            return "data", data[:MOST_TYPED]
        case "resize":
            return "resize", f"{int(message['columns'])}x{int(message['rows'])}".encode()
        case "ack":
            first, _, second = str(message["cursor"])[:MOST_CURSOR].partition("-")
            return "ack", f"{int(first)}-{int(second)}".encode()
    raise ValueError(message["type"])
