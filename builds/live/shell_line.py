"""The line between the browser's web process and the worker that runs a shell: Redis Streams, and a bell.

A web process and a worker never connect to each other. What the shell printed goes out in entries that a viewer may
read again after a broken connection; the worker prints no more than a window ahead of what the viewer has drawn, and
a web process takes no more from the browser than the worker takes from it. So nothing here grows.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import redis
import redis.asyncio
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

# How far the shell may be ahead of the eyes: entries and bytes. Twice that stays, for a page that is loaded again.
WINDOW_ENTRIES, WINDOW_BYTES = 256, 256 * 1024
KEPT_ENTRIES = 2 * WINDOW_ENTRIES
# What was typed and not taken yet.
MOST_WAITING = 64
KEEP_S = 3600
_BELL, _RINGS = "imageyard:shells:bell", 15
_SOCKET_S = 10.0


@dataclass(frozen=True, slots=True)
class Said:
    """Of the worker to the viewer: `kind` is data, state (a sentence) or end (a sentence)."""

    kind: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Heard:
    """Of the viewer to the worker: `kind` is data, resize (`80x24`), ack (an entry's id), or ping."""

    kind: str
    data: bytes


def _out(session_id: int) -> str:
    return f"imageyard:shell:{session_id}:out"


def _in(session_id: int) -> str:
    return f"imageyard:shell:{session_id}:in"


def _signs(session_id: int) -> str:
    """Apart from what is typed: a program that reads nothing must not keep back what its viewer has drawn."""
    return f"imageyard:shell:{session_id}:signs"


def _options() -> dict[str, Any]:
    # One shape of answers, and no second try: a line that is broken is told, and joined again.
    return {"socket_timeout": _SOCKET_S, "socket_connect_timeout": 2.0, "protocol": 2}


def _client() -> Any:
    return redis.Redis.from_url(settings.REDIS_URL, **_options(), retry=Retry(NoBackoff(), 0))


@lru_cache(maxsize=1)
def _ringer(url: str) -> Any:
    short: dict[str, Any] = {**_options(), "socket_timeout": 1.0, "socket_connect_timeout": 1.0}
    return redis.Redis.from_url(url, **short, retry=Retry(NoBackoff(), 0))


def ring_for_shells() -> None:
    """Wake a worker that may open a shell. Never raises: workers look by themselves every few seconds."""
    with suppress(redis.RedisError, OSError):
        client = _ringer(settings.REDIS_URL)
        client.lpush(_BELL, b"1")
        client.ltrim(_BELL, 0, _RINGS)
        client.expire(_BELL, 60)


class Bell:
    """What a worker waits for."""

    def __init__(self) -> None:
        self._redis = _client()

    def wait(self, timeout_s: float) -> None:
        """Until somebody rings, or so long; also where Redis is away."""
        started = time.monotonic()
        try:
            self._redis.blpop([_BELL], timeout=timeout_s)
        except (redis.RedisError, OSError):
            time.sleep(max(0.0, timeout_s - (time.monotonic() - started)))

    def close(self) -> None:
        self._redis.close()


class WorkerLine:
    """The worker's end. Methods raise `redis.RedisError`; `say` and `hear` may be called from two threads."""

    def __init__(self, session_id: int) -> None:
        self._redis = _client()
        self._out = _out(session_id)
        self._in, self._signs = _in(session_id).encode(), _signs(session_id).encode()
        self._ahead: deque[tuple[tuple[int, int], int]] = deque()
        self._bytes = 0
        self._heard = {self._in: b"0", self._signs: b"0"}

    @property
    def is_open(self) -> bool:
        """Whether the viewer keeps up, so that the shell may print on."""
        return len(self._ahead) < WINDOW_ENTRIES and self._bytes < WINDOW_BYTES

    def say(self, kind: str, data: bytes) -> None:
        entry = self._redis.xadd(self._out, {b"k": kind.encode(), b"d": data}, maxlen=KEPT_ENTRIES, approximate=False)
        if kind == "data":
            self._ahead.append((_place(entry), len(data)))
            self._bytes += len(data)

    def drawn(self, entry: bytes) -> None:
        """The viewer has drawn everything up to this entry."""
        place = _place(entry)
        while self._ahead and self._ahead[0][0] <= place:
            self._bytes -= self._ahead.popleft()[1]

    def hear(self, wait_s: float, *, typed: bool) -> list[Heard]:
        """What came since the last call, waiting for the first so long; it is taken out of Redis.

        What was typed stays there without `typed`, and the viewer's web process then takes no more from it.
        """
        wanted = self._heard if typed else {self._signs: self._heard[self._signs]}
        found = []
        for key, rows in self._redis.xread(dict(wanted), block=max(1, int(wait_s * 1000)), count=MOST_WAITING) or ():
            found += [Heard(fields[b"k"].decode(), fields.get(b"d", b"")) for _, fields in rows]
            self._heard[key] = rows[-1][0]
            self._redis.xdel(key, *(entry for entry, _ in rows))
        return found

    def keep(self) -> None:
        """Let both streams live on for a while."""
        for key in (self._out, self._in, self._signs):
            self._redis.expire(key, KEEP_S)

    def close(self) -> None:
        with suppress(redis.RedisError, OSError):
            self._redis.delete(self._in, self._signs)
            self._redis.expire(self._out, 120)  # for viewers who have not read the end yet
        self._redis.close()


@contextmanager
def worker_line(session_id: int) -> Iterator[WorkerLine]:
    line = WorkerLine(session_id)
    try:
        yield line
    finally:
        line.close()


class ViewerLine:
    """The web process's end, for one browser. Methods raise `redis.RedisError`."""

    def __init__(self, session_id: int) -> None:
        # One connection waits for what the shell prints while another one carries what is typed.
        self._redis: Any = redis.asyncio.Redis.from_url(settings.REDIS_URL, **_options())
        self._out, self._in, self._signs = _out(session_id), _in(session_id), _signs(session_id)

    async def next(self, cursor: bytes, wait_s: float) -> list[tuple[bytes, Said]]:
        """Entries after `cursor` (b"0": from the oldest kept), with their ids."""
        rows = await self._redis.xread({self._out: cursor}, block=int(wait_s * 1000), count=64)
        return [
            (entry, Said(fields[b"k"].decode(), fields[b"d"]))
            for _, each in cast("list[Any]", rows) or ()
            for entry, fields in each
        ]

    async def type(self, data: bytes) -> int:
        """Hand over what was typed; gives how much of that the worker has not taken yet."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.xadd(self._in, {b"k": b"data", b"d": data})
        pipe.expire(self._in, KEEP_S)
        pipe.xlen(self._in)
        return int((await pipe.execute())[-1])

    async def sign(self, kind: str, data: bytes = b"") -> None:
        """Anything else: the newest ones are enough."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.xadd(self._signs, {b"k": kind.encode(), b"d": data}, maxlen=4 * MOST_WAITING, approximate=False)
        pipe.expire(self._signs, KEEP_S)
        await pipe.execute()

    async def waiting(self) -> int:
        return int(await self._redis.xlen(self._in))

    async def close(self) -> None:
        with suppress(redis.RedisError, OSError):
            await self._redis.aclose()


def _place(entry: bytes) -> tuple[int, int]:
    """An entry's id as its order goes: milliseconds and a count."""
    first, _, second = entry.partition(b"-")
    return int(first), int(second or 0)
