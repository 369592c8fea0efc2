"""Who keeps the house of the own registry: a loop in a process that reaches its folder, and what it does in turn.

In `make up` it is a thread of the worker; with compose it is a service of its own, the only one with the volume.
No doorbell rings for it: it looks at the database every few seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from django.db import close_old_connections, connection

from lib.clock import database_now
from registry.actions.collections import ask_nightly
from registry.errands.collect import collect_due, reaches_storage

log = structlog.get_logger(__name__)
STEP_S = 3.0


class StorageKeeper:
    """Cleans up when it is asked for or due, until it is closed."""

    def __init__(self, worker: str, *, step_s: float = STEP_S, beat: Callable[[], None] = lambda: None) -> None:
        """`beat` is called every few seconds, also while something long is done: it tells that this lives."""
        self._worker = worker
        self._step_s = step_s
        self._beat = beat
        self._over = threading.Event()
        self._thread = threading.Thread(target=self.keep, name="storage", daemon=True)

    def start(self) -> None:
        """In a thread, where there is a folder to look after."""
        if reaches_storage():
            self._thread.start()

    def close(self) -> None:
        self._over.set()

    def keep(self) -> None:
        """The loop itself, until it is closed."""
        self._beat()
        try:
            while not self._over.wait(self._step_s):
                self._beat()
                try:
                    close_old_connections()
                    self.step()
                except Exception:  # the loop's edge: a database that is away for a moment comes back
                    log.exception("keeping the storage met a fault")
        finally:
            connection.close()

    def step(self) -> None:
        """One round."""
        ask_nightly(database_now())
        collect_due(self._worker, self._is_over)

    def _is_over(self) -> bool:
        self._beat()
        return self._over.is_set()
