"""The socket of a shell: who gets in, who is put out again, and what is taken from a browser."""

from __future__ import annotations

import json

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.auth import AuthMiddlewareStack
from channels.db import database_sync_to_async
from channels.routing import URLRouter
from django.test import Client

from accounts.models import Membership, Role
from accounts.tokens import create_token
from builds import shell_consumer
from builds.live.shell_line import WorkerLine
from builds.models import DebugSession
from builds.urls import websocket_urlpatterns
from imageyard.origin import OriginOrToken
from lib.clock import database_now
from tests.builds.debugging import make_failed, make_image, make_session
from tests.factories import make_member, make_user

application = OriginOrToken(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))
ORIGIN = (b"origin", b"http://localhost")


def cookie(user) -> tuple[bytes, bytes]:
    client = Client()
    client.force_login(user)
    return b"cookie", f"sessionid={client.cookies['sessionid'].value}".encode()


@pytest.fixture
def session(site) -> DebugSession:
    build = make_failed()
    return make_session(make_image(build), make_member(build.repository.namespace, "wendy", Role.WRITE))


class Socket(ApplicationCommunicator):
    def __init__(self, session: DebugSession | int, *headers: tuple[bytes, bytes]) -> None:
        pk = session if isinstance(session, int) else session.pk
        scope = {"type": "websocket", "path": f"/ws/debug/{pk}/", "query_string": b"", "subprotocols": []}
        super().__init__(application, {**scope, "headers": [(b"host", b"localhost"), *headers]})

    async def open(self) -> dict:
        """The first thing that comes after the handshake, or the end of it."""
        await self.send_input({"type": "websocket.connect"})
        answer = await self.receive_output(5)
        return await self.receive_output(5) if answer["type"] == "websocket.accept" else answer

    async def close(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(5)


async def entered(session: DebugSession) -> tuple[Socket, dict]:
    """The socket of the person whose it is, once it shows what the shell printed."""
    worker = WorkerLine(session.pk)
    await database_sync_to_async(worker.say)("data", b"hello")
    worker.close()
    socket = Socket(session, ORIGIN, await database_sync_to_async(cookie)(session.user))
    return socket, json.loads((await socket.open())["text"])


async def test_the_person_who_opened_it_gets_in(session):
    socket, said = await entered(session)
    assert (said["type"], said["data"]) == ("data", "aGVsbG8=")
    await socket.close()


@pytest.mark.parametrize("who", ["nobody", "charlie", "reader", "owner", "foreign page", "no origin", "no session"])
async def test_nobody_else_gets_in(session, who: str):
    def headers() -> tuple:
        space = session.debug_image.build.repository.namespace
        people = {
            "charlie": lambda: make_user("charlie"),
            "reader": lambda: make_member(space, "bob", Role.READ),
            "owner": lambda: make_member(space, "alice", Role.OWNER),
        }
        if who == "nobody":
            return (ORIGIN,)
        if who in people:
            return ORIGIN, cookie(people[who]())
        if who == "foreign page":
            return (b"origin", b"https://evil.example.com"), cookie(session.user)
        return (cookie(session.user),) if who == "no origin" else (ORIGIN, cookie(session.user))

    target = 10**6 if who == "no session" else session
    socket = Socket(target, *await database_sync_to_async(headers)())
    answer = await socket.open()
    assert answer["type"] == "websocket.close"


async def test_a_token_stands_for_its_user(session):
    _, token = await database_sync_to_async(create_token)(session.user, "test")
    socket = Socket(session, (b"authorization", f"Bearer {token}".encode()))
    await socket.send_input({"type": "websocket.connect"})
    assert (await socket.receive_output(5))["type"] == "websocket.accept"
    assert await socket.receive_nothing(0.3)
    await socket.close()


async def test_who_loses_the_role_is_put_out_and_the_shell_ends(session, monkeypatch):
    monkeypatch.setattr(shell_consumer, "LOOK_S", 0.1)
    socket, _ = await entered(session)
    await database_sync_to_async(Membership.objects.update)(role=Role.READ)
    assert (await socket.receive_output(5))["code"] == shell_consumer.FORBIDDEN
    await session.arefresh_from_db()
    assert session.end_reason == "You logged out, or lost the write role."


async def test_what_has_ended_is_told_and_closed(session):
    await DebugSession.objects.aupdate(closed_at=await database_sync_to_async(database_now)(), end_reason="Over.")
    socket = Socket(session, ORIGIN, await database_sync_to_async(cookie)(session.user))
    assert json.loads((await socket.open())["text"]) == {"type": "end", "data": "Over."}
    assert (await socket.receive_output(5))["code"] == 1000


async def test_nonsense_is_passed_over_and_too_much_ends_it(session):
    socket, _ = await entered(session)
    for text in (
        "",
        "[]",
        "{}",
        '{"type": "rm"}',
        '{"type": "resize", "columns": "x"}',
        '{"type": "ack", "cursor": "x"}',
    ):
        await socket.send_input({"type": "websocket.receive", "text": text})
    await socket.send_input({"type": "websocket.receive", "text": '{"type": "data", "data": "ls"}'})
    assert await socket.receive_nothing(0.3)
    worker = WorkerLine(session.pk)
    heard = await database_sync_to_async(worker.hear)(1, typed=True)
    assert [one.data for one in heard if one.kind == "data"] == [b"ls"]
    worker.close()
    await socket.send_input({"type": "websocket.receive", "text": "x" * (shell_consumer.MOST_MESSAGE + 1)})
    assert (await socket.receive_output(5))["code"] == shell_consumer.TOO_MUCH
