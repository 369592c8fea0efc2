"""News for browsers after a commit: pages are woken, and the viewers of a build's log hear of its state. No HTML."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import structlog
from channels.layers import get_channel_layer
from django.conf import settings
from redis.exceptions import RedisError

from builds.live.herald import Herald
from builds.logs.stream import Event, publish, shared_client
from builds.models import Build

log = structlog.get_logger(__name__)

TIMEOUT_S = 1.0
PAUSE_S = 2.0  # after a failure nothing is tried for so long: freshness must not cost every change a second


class _Breaker:
    def __init__(self) -> None:
        self._closed_until = 0.0

    @property
    def is_open(self) -> bool:
        return time.monotonic() >= self._closed_until

    def trip(self, error: Exception) -> None:
        log.warning("pages were not told: Redis does not answer", error=str(error))
        self._closed_until = time.monotonic() + PAUSE_S


_breaker = _Breaker()


def announce(build_id: int, kind: str, payload: Mapping[str, Any]) -> None:
    """Something happened to a build and is committed. Viewers of its log and pages that show it hear of it.

    Never raises. Losing the news costs freshness only: pages and viewers look again by themselves.
    """
    if _breaker.is_open:
        try:
            publish(
                shared_client(settings.REDIS_URL), build_id, [Event(int(payload.get("attempt") or 0), kind, payload)]
            )
        except (RedisError, OSError) as error:
            _breaker.trip(error)
    repository_id = Build.objects.filter(pk=build_id).values_list("repository_id", flat=True).first()
    wake("builds", "queue", f"build:{build_id}", f"repository:{repository_id}")


def wake(*topics: str) -> None:
    """Tell open pages that what they show of these topics has changed, soon. Never raises, and never waits."""
    if _breaker.is_open:
        herald.tell(topics)


async def _send(topics: list[str]) -> None:
    layer = get_channel_layer()
    if layer is None or not _breaker.is_open:
        return
    try:
        async with asyncio.timeout(TIMEOUT_S):
            for topic in topics:
                await layer.group_send(group_of(topic), {"type": "page.changed", "topic": topic})
    except (RedisError, OSError, TimeoutError) as error:
        _breaker.trip(error)


herald = Herald(_send)


def group_of(topic: str) -> str:
    """The name of a topic's group in the channel layer, where colons are not allowed."""
    return f"page.{topic.replace(':', '.')}"
