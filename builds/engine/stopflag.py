"""The flag that tells a run to stop, from any thread. What stopping means is the business of who watches it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from builds.core.errors import Stopped, StopReason


class StopFlag:
    """Raised once, seen by everybody; the first reason wins and later ones are ignored."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._event = threading.Event()
        self._reason: StopReason | None = None
        self._wakers: set[int] = set()

    @property
    def reason(self) -> StopReason | None:
        return self._reason

    def is_set(self) -> bool:
        return self._event.is_set()

    def set(self, reason: StopReason) -> None:
        """Raise the flag and wake every selector that watches it. A second call changes nothing."""
        with self._lock:
            if self._reason is not None:
                return
            self._reason = reason
            self._event.set()
            for waker in self._wakers:
                os.eventfd_write(waker, 1)

    def wait(self, timeout_s: float) -> bool:
        """Sleep until the flag is raised or `timeout_s` seconds have passed; True if it is raised."""
        return self._event.wait(timeout_s)

    def check(self) -> None:
        """Raise `Stopped` if the flag is raised."""
        if self._reason is not None:
            raise Stopped(self._reason)

    @contextmanager
    def watched(self) -> Iterator[int]:
        """A file descriptor that becomes readable when the flag is raised (at once, if it is raised already)."""
        waker = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        with self._lock:
            self._wakers.add(waker)
            if self._reason is not None:
                os.eventfd_write(waker, 1)
        try:
            yield waker
        finally:
            with self._lock:
                self._wakers.discard(waker)
            os.close(waker)
