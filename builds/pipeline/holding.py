"""Keeping a short order of a worker's alive while it is carried out, and stopping it when it is not wanted any more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import structlog
from django.db import close_old_connections, connection

from builds.actions.workers import is_draining
from builds.engine.stopflag import StopFlag
from lib.beside import beside

log = structlog.get_logger(__name__)
LOOK_S = 5.0
LOST_AFTER_S = 40.0


@contextmanager
def held(hold: Callable[[], bool], worker: str, stop: StopFlag, *, every_s: float = 0) -> Iterator[None]:
    """Call `hold` every few seconds from a thread; raise `stop` once it says no, or the worker drains."""
    with beside(partial(_watch, hold, worker, stop, every_s or LOOK_S), name="hold"):
        yield


def _watch(hold: Callable[[], bool], worker: str, stop: StopFlag, every_s: float, over: threading.Event) -> None:
    held_at = time.monotonic()
    try:
        while not over.wait(every_s) and not stop.is_set():
            try:
                close_old_connections()
                if not hold():
                    stop.set("lost")
                elif is_draining(worker):
                    stop.set("drain")
                held_at = time.monotonic()
            except Exception:  # the loop's edge: a database that is away must not end the watch
                log.exception("an order could not be held")
                if time.monotonic() - held_at > LOST_AFTER_S:
                    stop.set("lost")
    finally:
        connection.close()
