"""Open pages hear that what they show has changed, and nothing of what they may not see."""

from __future__ import annotations

import asyncio
import json

import pytest
from asgiref.testing import ApplicationCommunicator
from django.contrib.auth.models import AnonymousUser

from builds.live import announce, wake
from builds.logs.stream import publish
from tests.builds.live.conftest import application, in_thread
from tests.factories import make_user


@pytest.fixture
async def open_page(site):
    sockets = []

    async def make(topics, user):
        scope = {"type": "websocket", "path": "/ws/pages/", "headers": [], "subprotocols": []}
        socket = ApplicationCommunicator(
            application, {**scope, "query_string": f"topics={topics}".encode(), "user": user}
        )
        sockets.append(socket)
        await socket.send_input({"type": "websocket.connect"})
        assert (await socket.receive_output(5))["type"] == "websocket.accept"
        await asyncio.sleep(0.3)
        return socket

    yield make
    for socket in sockets:
        await socket.send_input({"type": "websocket.disconnect", "code": 1000})
        await socket.wait(5)


async def heard(socket):
    return json.loads((await socket.receive_output(5))["text"])


async def test_it_wakes_the_pages_that_show_a_build(build, admin, open_page):
    socket = await open_page(f"build:{build.pk},repository:{build.repository_id},builds", admin)
    await in_thread(announce)(build.pk, "state", {"attempt": 1})
    topics = {(await heard(socket))["topic"] for _ in range(3)}
    assert topics == {f"build:{build.pk}", f"repository:{build.repository_id}", "builds"}


async def test_it_tells_many_changes_as_few(site, admin, open_page):
    socket = await open_page("queue", admin)
    for _ in range(20):
        await in_thread(wake)("queue")
    assert await heard(socket) == {"type": "changed", "topic": "queue"}
    assert await heard(socket) == {"type": "changed", "topic": "queue"}
    assert await socket.receive_nothing(0.5)


@pytest.mark.parametrize("who", ["nobody", "stranger"])
async def test_it_does_not_wake_strangers(build, open_page, who):
    user = AnonymousUser() if who == "nobody" else await in_thread(make_user)("mallory")
    socket = await open_page(f"build:{build.pk},repository:{build.repository_id},repository:²,build:", user)
    await in_thread(announce)(build.pk, "state", {"attempt": 1})
    assert await socket.receive_nothing(0.5)


async def test_of_many_changes_only_the_first_waits_for_a_redis_that_hangs(build, site, monkeypatch):
    waited = []
    monkeypatch.setattr("builds.live.PAUSE_S", 60.0)
    monkeypatch.setattr("builds.live.publish", lambda *given: waited.append(1) or publish(*given))
    site.process.send_signal(19)  # SIGSTOP
    try:
        for _ in range(5):
            await in_thread(announce)(build.pk, "state", {"attempt": 1})
    finally:
        site.process.send_signal(18)
    assert waited == [1]
