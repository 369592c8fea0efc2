"""The WebSockets: the live log of a build, and the bell of the pages. They authorise, read and send, never write."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer, AsyncWebsocketConsumer
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.files.storage import storages
from redis.exceptions import RedisError

from accounts.tokens import authenticate_token
from builds.live import group_of
from builds.live.feed import Feed
from builds.live.feeds import feed_of
from builds.live.redis_tail import RedisTail
from builds.live.state import BuildFacts
from builds.live.steps import step_fields
from builds.logs.reader import LogReader
from builds.logs.stream import shared_client
from builds.models import Build
from builds.models.log import DatabaseFrames
from builds.reading import sentence_of, steps_of
from registry.models import Repository

SETTLE_S = 0.3
MAX_TOPICS = 100
MAX_DIGITS = 18
NOT_FOUND = 4404
TRY_AGAIN = 1013
# The messages that carry lines of the log.
LINES = frozenset({"log", "partial"})
COMMON_TOPICS = frozenset({"builds", "queue", "workers", "deliveries"})


class BuildConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """`/ws/builds/<id>/`: docs/logs.md lists the messages. What the client sends is not read."""

    # Logs do not go through the channel layer, which drops messages by design; without one this consumer has no
    # second receive loop, which counts with a thousand viewers.
    channel_layer_alias = "none"

    async def connect(self) -> None:
        build_id = self.scope["url_route"]["kwargs"]["build_id"]
        await self.accept()
        if not await database_sync_to_async(_may_see_build)(self.scope, build_id):
            await self.close(code=NOT_FOUND)
            return
        cursor = query_value(self.scope, "cursor")[:100]
        deaf = LINES if query_value(self.scope, "without") == "log" else frozenset()
        self.pump = asyncio.create_task(self._send_all(build_id, cursor, deaf))

    async def disconnect(self, code: int) -> None:  # noqa: ARG002 — the name is Channels'
        pump = getattr(self, "pump", None)
        if pump is not None:
            pump.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Viewers only listen."""

    async def _send_all(self, build_id: int, cursor: str, deaf: frozenset[str]) -> None:
        feed = feed_of(build_id, lambda: _make_feed(build_id))
        viewer = feed.join(cursor, deaf=deaf)
        send = self.scope.get("send_as_is") or self.base_send
        try:
            while True:
                texts = await viewer.take()
                for text in texts:
                    await send({"type": "websocket.send", "text": text})
                if not texts:
                    await self.close(code=1000 if feed.state.fields else NOT_FOUND)
                    return
        finally:
            feed.leave(viewer)


def _make_feed(build_id: int) -> Feed:
    return Feed(build_id, load=load_facts, reader=_open_reader, tail=RedisTail(settings.REDIS_URL, build_id))


def load_facts(build_id: int) -> BuildFacts | None:
    """What the database says of a build and the steps of its newest attempt; nothing when the build is gone."""
    build = Build.objects.for_page().the_one(pk=build_id)
    if build is None:
        return None
    fields = {"state": build.state, "sentence": sentence_of(build), "number": build.number}
    return BuildFacts(build.attempt, build.is_final, fields, [step_fields(step) for step in steps_of(build)])


def _open_reader(build_id: int, attempt: int) -> LogReader:
    client = shared_client(settings.REDIS_URL)
    return LogReader(build_id, attempt, store=DatabaseFrames(), storage=storages["logs"], redis=client)


class PagesConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]
    """`/ws/pages/?topics=queue,repository:7`: `{"type": "changed", "topic"}` when what a page shows has changed.

    Topics that the viewer may not see are left out without a word: they could as well not exist.
    """

    async def connect(self) -> None:
        self.changed: set[str] = set()
        self.settling: asyncio.Task[None] | None = None
        self.groups = []
        await self.accept()
        asked = query_value(self.scope, "topics").split(",")[:MAX_TOPICS]
        allowed = await database_sync_to_async(_visible_topics)(self.scope, asked)
        try:
            for topic in allowed:
                await self.channel_layer.group_add(group_of(topic), self.channel_name)
                self.groups.append(group_of(topic))
        except (RedisError, OSError):
            await self.close(code=TRY_AGAIN)

    async def disconnect(self, code: int) -> None:  # noqa: ARG002 — the name is Channels'
        if self.settling is not None:
            self.settling.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Pages only listen."""

    async def page_changed(self, event: dict[str, Any]) -> None:
        self.changed.add(event["topic"])
        if self.settling is None or self.settling.done():
            self.settling = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        """The first change at once; what comes right behind it together, a moment later."""
        while self.changed:
            topics, self.changed = sorted(self.changed), set()
            for topic in topics:
                await self.send_json({"type": "changed", "topic": topic})
            await asyncio.sleep(SETTLE_S)


def query_value(scope: dict[str, Any], name: str) -> str:
    values = parse_qs(scope.get("query_string", b"").decode("latin-1")).get(name)
    return values[-1] if values else ""


def user_of(scope: dict[str, Any]) -> Any:
    """Who is at the other end: by token if one is sent (a wrong one is nobody), else by session."""
    header = dict(scope.get("headers", [])).get(b"authorization", b"").decode("latin-1")
    if header:
        scheme, _, token = header.partition(" ")
        return (authenticate_token(token.strip()) if scheme.lower() == "bearer" else None) or AnonymousUser()
    return scope.get("user") or AnonymousUser()


def _may_see_build(scope: dict[str, Any], build_id: int) -> bool:
    return Build.objects.visible_to(user_of(scope)).filter(pk=build_id).exists()


def _visible_topics(scope: dict[str, Any], asked: list[str]) -> list[str]:
    user = user_of(scope)
    numbered: dict[str, dict[int, str]] = {"repository": {}, "build": {}}
    allowed = [topic for topic in asked if topic in COMMON_TOPICS and user.is_authenticated]
    for topic in asked:
        kind, _, number = topic.partition(":")
        if kind in numbered and number.isascii() and number.isdigit() and len(number) <= MAX_DIGITS:
            numbered[kind][int(number)] = topic
    repositories = Repository.objects.visible_to(user).filter(pk__in=numbered["repository"])
    builds = Build.objects.visible_to(user).filter(pk__in=numbered["build"])
    allowed += [numbered["repository"][pk] for pk in repositories.values_list("pk", flat=True)]
    allowed += [numbered["build"][pk] for pk in builds.order_by().values_list("pk", flat=True)]
    return allowed
