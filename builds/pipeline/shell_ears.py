"""What the viewer of a shell sends, read in a thread of its own, since Redis is waited for there."""

from __future__ import annotations

import os
import threading
import time
from collections import deque

from redis.exceptions import RedisError

from builds.live.shell_line import Heard, WorkerLine

_MOST_QUEUED = 256


class Ears(threading.Thread):
    """Reads what the viewer sends, and wakes the loop."""

    def __init__(self, line: WorkerLine) -> None:
        super().__init__(name="shell-ears", daemon=True)
        self._line, self._over = line, threading.Event()
        self.woken = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.typed: deque[bytes] = deque()
        self.signs: deque[Heard] = deque()
        self.away_since: float | None = None

    def run(self) -> None:
        while not self._over.is_set():
            try:
                found = self._line.hear(0.5, typed=len(self.typed) < _MOST_QUEUED)
            except (RedisError, OSError):
                self.away_since = self.away_since or time.monotonic()
                self._over.wait(0.5)
                continue
            self.away_since = None
            if found:
                self.typed.extend(heard.data for heard in found if heard.kind == "data")
                self.signs.extend(heard for heard in found if heard.kind != "data")
                os.eventfd_write(self.woken, 1)

    def close(self) -> None:
        self._over.set()
        self.join()
        os.close(self.woken)
