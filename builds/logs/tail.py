"""Publishes the writer's tails to Redis behind a circuit breaker, and trims what is stored. Never raises."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import redis
import structlog

from builds.logs.cutter import Position
from builds.logs.stream import Entry, Piece, RedisClient, publish

log = structlog.get_logger(__name__)

BACKOFF_S = (0.2, 5.0)
# What is stored stays a little in the stream, for web processes that are a moment behind.
RETAIN_S = 5.0
RETAIN_BYTES = 256 * 1024


class _Published(NamedTuple):
    id: bytes
    at: float
    step: int | None
    end: int
    size: int


class TailPublisher:
    """Appends entries to the stream of one build. While Redis is away `down` is true and nothing is sent."""

    def __init__(self, build_id: int, client: RedisClient) -> None:
        self.down = False
        self.retry_at = 0.0
        self._said = False
        self._build_id, self._client = build_id, client
        self._backoff_s = BACKOFF_S[0]
        self._published: deque[_Published] = deque()
        self._retained_bytes = 0

    def is_due(self) -> bool:
        """Redis is there as far as is known, or it is time to try it again."""
        return not self.down or time.monotonic() >= self.retry_at

    def publish(self, entries: Sequence[Entry], stored: Mapping[int, Position]) -> bool:
        """Append `entries` and trim what `stored` makes superfluous; false when Redis did not take them."""
        if not entries:
            return True
        try:
            ids = publish(self._client, self._build_id, entries, trim_below=self._trim_below(stored))
        except redis.RedisError as error:
            if not self._said:
                log.warning("live view paused: Redis does not answer", build=self._build_id, error=str(error))
            self.down = self._said = True
            self._published.clear()
            self._retained_bytes = 0
            self.retry_at = time.monotonic() + self._backoff_s
            self._backoff_s = min(self._backoff_s * 2, BACKOFF_S[1])
            return False
        if self._said:
            log.info("live view goes on", build=self._build_id)
        self.down, self._said, self._backoff_s = False, False, BACKOFF_S[0]
        now = time.monotonic()
        for entry_id, entry in zip(ids, entries, strict=True):
            step, end, size = None, 0, 0
            if isinstance(entry, Piece):
                step, end, size = entry.step, entry.start.offset + len(entry.data), len(entry.data)
            self._published.append(_Published(entry_id, now, step, end, size))
            self._retained_bytes += size
        return True

    def finish(self, stored: Mapping[int, Position]) -> None:
        """Nothing more comes: drop what is stored already, as after any publication."""
        trim_below = self._trim_below(stored)
        if self.down or trim_below is None:
            return
        try:
            publish(self._client, self._build_id, [], trim_below=trim_below)
        except redis.RedisError as error:
            log.info("the tail of a log was not trimmed: Redis does not answer", error=str(error))

    def _trim_below(self, stored: Mapping[int, Position]) -> bytes | None:
        """The id behind the last entry that may go, when there is one."""
        now, last = time.monotonic(), None
        while self._published:
            first = self._published[0]
            if first.step is not None and first.end > stored[first.step].offset:
                break
            if first.at + RETAIN_S > now and self._retained_bytes <= RETAIN_BYTES:
                break
            last = self._published.popleft().id
            self._retained_bytes -= first.size
        if last is None:
            return None
        milliseconds, _, sequence = last.partition(b"-")
        return b"%s-%d" % (milliseconds, int(sequence) + 1)
