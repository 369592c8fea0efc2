"""Reads the stream of one build as it grows, for one feed. Understands entries, not what they mean."""

from __future__ import annotations

import asyncio
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from builds.logs.stream import Entry, decode_entry, stream_key

BLOCK_MS = 1000
COUNT = 200
TIMEOUT_S = 3.0


class RedisTail:
    """Entries after the last one that was read. Raises `RedisError` or `OSError` while Redis is away.

    After a failure everything that Redis still has is read again: it may have forgotten and counted anew, and whoever
    reads knows pieces by their place.
    """

    def __init__(self, url: str, build_id: int) -> None:
        options: dict[str, Any] = {
            "socket_timeout": TIMEOUT_S,
            "socket_connect_timeout": 1.0,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
        }
        self._client: Any = Redis.from_url(url, **options)
        self._key = stream_key(build_id)
        self._position = b"0"

    async def skip_to_end(self) -> None:
        """Go on behind what is there now."""
        self._position = b"0"
        newest = await self._client.xrevrange(self._key, count=1)
        if newest:
            self._position = newest[0][0]

    async def read(self) -> list[Entry]:
        """What came since, at once or within a second; nothing when nothing came."""
        try:
            answer = await self._client.xread({self._key: self._position}, count=COUNT, block=BLOCK_MS)
        except (RedisError, OSError):
            self._position = b"0"
            raise
        rows = answer[0][1] if answer else []
        if rows:
            self._position = rows[-1][0]
        entries = (decode_entry(fields) for _, fields in rows)
        return [entry for entry in entries if entry is not None]

    async def close(self) -> None:
        """Give the connection back."""
        try:
            async with asyncio.timeout(1):
                await self._client.aclose()
        except (RedisError, OSError, TimeoutError):
            return
