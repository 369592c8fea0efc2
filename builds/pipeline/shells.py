"""The shells of a worker: a few at once, in threads of its main process, beside the slots for builds."""

from __future__ import annotations

import threading

import structlog
from django.conf import settings
from django.db import close_old_connections, connection

from builds.actions.debug_shells import take_shell
from builds.engine.stopflag import StopFlag
from builds.live.shell_line import Bell
from builds.pipeline.shell import run_shell

log = structlog.get_logger(__name__)
LOOK_S = 5.0
ENDING_S = 15.0


class Shells:
    """Opens shells until it is closed."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._over = threading.Event()
        self._open: list[tuple[threading.Thread, StopFlag]] = []
        self._thread = threading.Thread(target=self._serve, name="shells", daemon=True)

    def start(self) -> None:
        if settings.SHELLS:
            self._thread.start()

    def close(self) -> None:
        """End all shells, and wait a little until their containers are gone."""
        self._over.set()
        open_now = list(self._open)
        for _, stop in open_now:
            stop.set("drain")
        for thread, _ in open_now:
            thread.join(ENDING_S)

    def _serve(self) -> None:
        bell = Bell()
        try:
            while not self._over.is_set():
                try:
                    close_old_connections()
                    while self._take():
                        pass
                except Exception:  # the loop's edge: a database that is away for a moment must not end it
                    log.exception("no shell could be taken")
                bell.wait(LOOK_S)
        finally:
            connection.close()
            bell.close()

    def _take(self) -> bool:
        """Take one session that waits, where there is room for it."""
        self._open = [(thread, stop) for thread, stop in self._open if thread.is_alive()]
        if len(self._open) >= settings.SHELLS or self._over.is_set():
            return False
        session = take_shell(self._worker)
        if session is None:
            return False
        stop = StopFlag()
        thread = threading.Thread(
            target=run_shell, args=[session, self._worker, stop], name=f"shell-{session.pk}", daemon=True
        )
        self._open.append((thread, stop))
        thread.start()
        return True
