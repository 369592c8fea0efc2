"""The watcher of a run: keeps its lease, and raises the stop flag when somebody wants the run to end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import structlog
from django.conf import settings
from django.db import close_old_connections, connection

from builds.actions.runs import Run, check_lease, renew_lease
from builds.actions.workers import is_draining
from builds.engine.stopflag import StopFlag
from lib.beside import beside

log = structlog.get_logger(__name__)
LOOK_S = 1.0
# Longer than the log's writer waits for a database, and a registry for tags that are taken back.
ENDING_S = 300.0


@contextmanager
def watched(run: Run, worker: str, stop: StopFlag, *, timeout_s: float) -> Iterator[None]:
    """Watch `run` from a thread of its own as long as the block lasts."""
    with beside(partial(_watch, run, worker, stop, timeout_s), name=f"watch-{run.build_id}"):
        yield


def _watch(run: Run, worker: str, stop: StopFlag, timeout_s: float, over: threading.Event) -> None:
    started = renewed = time.monotonic()
    draining_since: float | None = None
    try:
        while not over.wait(LOOK_S) and not stop.is_set():
            now = time.monotonic()
            if now - started > timeout_s:
                stop.set("timeout")
                return
            try:
                close_old_connections()
                due = now - renewed > settings.LEASE_S / 4
                lease = renew_lease(run) if due else check_lease(run)
                renewed = now if due else renewed
                if not lease.held:
                    stop.set("lost")
                elif lease.cancel_requested:
                    stop.set("cancelled")
                elif is_draining(worker):
                    draining_since = draining_since or now
                    if now - draining_since >= settings.DRAIN_S:
                        stop.set("drain")
            except Exception:  # the loop's edge: a database that is away must not end the watch
                log.exception("the lease could not be renewed", build=run.build_id)
                if time.monotonic() - renewed > settings.LEASE_S:
                    # Somebody else may have the build by now. Better to stop than to push beside them.
                    stop.set("lost")
    finally:
        connection.close()
        if not over.is_set():
            _keep_alive(run, over)


def _keep_alive(run: Run, over: threading.Event) -> None:
    """The flag is raised and the run is ending: hold the lease until it has written its end."""
    give_up = time.monotonic() + ENDING_S
    while not over.wait(settings.LEASE_S / 4):
        if time.monotonic() > give_up:
            # Whatever it hangs in, the build must not hang with it: the sweep takes it away.
            log.error("a run that was told to stop does not end", build=run.build_id, attempt=run.attempt)
            return
        try:
            if not renew_lease(run).held:
                return
        except Exception:  # as above
            log.exception("the lease could not be renewed", build=run.build_id)
        finally:
            connection.close()
