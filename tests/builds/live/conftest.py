"""A site with a Redis of its own, builds whose log is written as a worker would, and viewers of them."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import urlencode

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async
from channels.routing import URLRouter
from django.contrib.auth.models import AnonymousUser

from builds.core.states import State
from builds.live import _Breaker, feeds
from builds.logs.stream import connect
from builds.logs.writer import LogWriter
from builds.models import Build, Step
from builds.models.log import DatabaseFrames
from builds.urls import websocket_urlpatterns
from tests.builds.logs.conftest import _killable_redis, own_redis  # noqa: F401 — fixtures
from tests.factories import make_build, make_user

application = URLRouter(websocket_urlpatterns)


@pytest.fixture
def site(transactional_db, settings, own_redis, tmp_path, monkeypatch):  # noqa: F811
    settings.REDIS_URL = own_redis.url
    monkeypatch.setattr("builds.live._breaker", _Breaker())  # an earlier test may have ended Redis
    logs = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = {**settings.STORAGES, "logs": logs}
    settings.CHANNEL_LAYERS = {
        "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [own_redis.url]}}
    }
    return own_redis


@pytest.fixture
def build(site):
    """A build that a worker holds, with one running step."""
    build = make_build(state=State.BUILDING, attempt=1)
    Step.objects.create(build=build, attempt=1, index=0, name="RUN make", state=Step.State.RUNNING)
    return build


@pytest.fixture
def writer(build, site):
    client = connect(site.url)
    writer = LogWriter(build.pk, 1, store=DatabaseFrames(), redis=client)
    yield writer
    writer.close()
    client.close()


@pytest.fixture
def admin(site):
    return make_user("admin", is_superuser=True)


def finish(build, writer, state=State.SUCCEEDED):
    """What the pipeline does at the end."""
    from builds.live import announce

    totals = writer.totals()
    for step, total in totals.items():
        writer.finish_step(step)
        Step.objects.filter(build=build, index=step).update(state="succeeded", lines=total.lines)
    writer.close()
    Build.objects.filter(pk=build.pk).update(state=state)
    announce(build.pk, "state", {"attempt": 1, "state": state})


class Socket(ApplicationCommunicator):
    """The client's side of a WebSocket."""

    def __init__(self, path, query, headers, user):
        scope = {"type": "websocket", "path": path, "query_string": query.encode(), "headers": headers, "user": user}
        super().__init__(application, {**scope, "subprotocols": []})

    async def connect(self):
        await self.send_input({"type": "websocket.connect"})
        answer = await self.receive_output(5)
        assert answer["type"] == "websocket.accept"

    async def hear(self, within=5):
        answer = await self.receive_output(within)
        assert answer["type"] == "websocket.send", answer
        return json.loads(answer["text"])

    async def disconnect(self):
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(5)


class Page:
    """One viewer, which puts together what it hears as a browser does."""

    def __init__(self, build_id, user, *, cursor="", headers=()):
        query = urlencode({"cursor": cursor}) if cursor else ""
        self.socket = Socket(f"/ws/builds/{build_id}/", query, list(headers), user or AnonymousUser())
        self.messages = []
        self.lines = {}
        self.totals = {}
        self.cursor = cursor

    async def __aenter__(self):
        await self.socket.connect()
        return self

    async def __aexit__(self, *error):
        await self.socket.disconnect()

    async def hear(self, within=5):
        message = await self.socket.hear(within)
        self.messages.append(message)
        self.cursor = message["cursor"]
        self.take(message)
        return message

    async def until(self, kind, within=10, **wanted):
        async with asyncio.timeout(within):
            while True:
                message = await self.hear(within)
                if message["type"] == kind and wanted.items() <= message.items():
                    return message

    async def until_line(self, text, within=10):
        async with asyncio.timeout(within):
            while not any(text in lines.values() for lines in self.lines.values()):
                await self.hear(within)

    def take(self, message):
        if message["type"] == "log":
            self.keep(message["step"], message["first_line"], message["lines"])
        elif message["type"] == "more":
            self.totals[message["step"]] = message["lines"]
        elif message["type"] in ("snapshot", "end"):
            for step in message["steps"]:
                self.totals[step["index"]] = step["lines"]
                if "tail" in step:
                    self.keep(step["index"], step["tail"]["first_line"], step["tail"]["lines"], is_new=False)

    def keep(self, step, first, lines, *, is_new=True):
        known = self.lines.setdefault(step, {})
        if is_new:
            assert not known.keys() & set(range(first, first + len(lines))), "lines came twice"
        known.update(enumerate(lines, first))

    def missing(self, step):
        return sorted(set(range(self.totals[step])) - self.lines.get(step, {}).keys())

    def text(self, step, reader=None):
        """The step's lines, with the missing ones read by range."""
        known = self.lines.setdefault(step, {})
        for line in self.missing(step):
            if line not in known:
                found = reader.lines(step, line, 5000)
                known.update({n: t for n, t in enumerate(found.lines, line) if n not in known})
        return [known[line] for line in range(self.totals[step])]


@pytest.fixture
async def page(build, admin):
    pages = []

    async def open_page(**options):
        options.setdefault("user", admin)
        page = Page(build.pk, **options)
        pages.append(page)
        return await page.__aenter__()

    yield open_page
    for page in pages:
        await page.__aexit__()
    await close_feeds()


async def close_feeds():
    """Forget this loop's feeds, as a restarted web process does."""
    for feed in feeds._feeds.pop(asyncio.get_running_loop(), {}).values():
        feed._task.cancel()
        await asyncio.gather(feed._task, return_exceptions=True)


in_thread = database_sync_to_async
