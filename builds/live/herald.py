"""A thread that tells open pages what changed, so that nobody who changes something waits for Redis to hear of it."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Iterable

BETWEEN_S = 0.02  # what comes in this time is told together


class Herald:
    """Takes topics from any thread and hands them to `send`, each one once however often it was given meanwhile.

    One event loop for the life of the process, since the channel layer connects anew for every loop. What is not told
    when the process ends is lost, which costs freshness only: pages look again by themselves.
    """

    def __init__(self, send: Callable[[list[str]], Awaitable[None]]) -> None:
        self._send = send
        self._reset()

    def _reset(self) -> None:
        self._process = os.getpid()
        self._changed = threading.Condition()
        self._topics: dict[str, None] = {}
        self._idle = True
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()

    def tell(self, topics: Iterable[str]) -> None:
        """Never waits and never raises."""
        if self._process != os.getpid():
            self._reset()  # a thread does not live on in a forked process
        with self._changed:
            self._topics.update(dict.fromkeys(topics))
            self._idle = False
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._run, args=[self._loop], name="herald", daemon=True).start()
            self._loop.call_soon_threadsafe(self._news.set)

    def wait(self, timeout_s: float = 5.0) -> bool:
        """Until everything given so far was told; for tests, and for a process that is about to end."""
        with self._changed:
            return self._changed.wait_for(lambda: self._idle, timeout_s)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(self._tell())

    async def _tell(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            with self._changed:
                topics, self._topics = list(self._topics), {}
            await self._send(topics)
            with self._changed:
                self._idle = not self._topics
                self._changed.notify_all()
            await asyncio.sleep(BETWEEN_S)
