"""News for browsers after a commit: pages are woken, and the viewers of a build's log hear of its state. No HTML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)


def announce(build_id: int, kind: str, payload: Mapping[str, Any]) -> None:
    """Something happened to a build. Losing this costs freshness only: pages and viewers look again by themselves."""
    wake("queue", f"build:{build_id}")


def wake(*topics: str) -> None:
    """Tell open pages that what they show of these topics has changed."""
    layer = get_channel_layer()
    if layer is None:
        return
    for topic in topics:
        try:
            async_to_sync(layer.group_send)(f"page.{topic.replace(':', '.')}", {"type": "page.changed", "topic": topic})
        except (RedisError, OSError) as error:
            log.warning("pages were not woken", topic=topic, error=str(error))
            return
