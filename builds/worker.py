"""What a worker process does besides its tasks: say that it lives, die as a whole, drain on SIGTERM or when asked."""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import signal
import socket
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

import structlog
from celery.signals import worker_init, worker_process_init, worker_ready, worker_shutdown, worker_shutting_down
from django.conf import settings
from django.db import close_old_connections, connections
from django.utils import timezone

from builds.actions import catchup, debug_shells, lifecycle, workers
from lib.clock import database_now

log = structlog.get_logger(__name__)
REPORT_S = 10.0
_PR_SET_PDEATHSIG = 1
_ended = threading.Event()
_beside: list[Any] = []  # what runs in threads of their own, beside the slots


def worker_name() -> str:
    """The name of this worker, the same in its pool processes: host, process id and start of the main process."""
    return _Name.value


def _own_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{_started(os.getpid())}"


def _started(pid: int) -> str:
    """When a process started, in clock ticks since boot (proc(5), `stat`, field 22), as hex; "" where it is gone.

    A container's process ids begin anew at each start: the id alone would take an earlier worker for a living one.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return f"{int(stat.rpartition(')')[2].split()[19]):x}"


class _Name:
    value = _own_name()


@worker_init.connect
def _main_process_starts(**_: Any) -> None:
    # Set before the pool forks, so that every slot knows whose it is.
    _Name.value = _own_name()
    # What the slots do is loaded once, before they fork: each would load it in front of its first build.
    importlib.import_module("builds.pipeline")
    # They share the memory of what is there now for as long as nobody looks for garbage in it.
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@worker_process_init.connect
def _slot_starts(**_: Any) -> None:
    """A slot must not outlive its worker: an orphan would build on with nobody to stop it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == 1:
        os._exit(1)
    connections.close_all()


@worker_ready.connect
def _worker_ready(**_: Any) -> None:
    # In a thread, which asks a database that is away at this moment again.
    threading.Thread(target=_report_until_ended, name="report", daemon=True).start()
    # Beside the slots, since a shell lasts as long as a person looks around in it.
    from builds.pipeline.shells import Shells

    shells = Shells(worker_name())
    _beside.append(shells)
    shells.start()
    from builds.pipeline.housekeeping import Housekeeper

    housekeeper = Housekeeper(worker_name())
    _beside.append(housekeeper)
    housekeeper.start()
    # Nothing of builds, but the worker of `make up` is who reaches the folder of the registry.
    from registry.errands.house import StorageKeeper

    keeper = StorageKeeper(worker_name())
    _beside.append(keeper)
    keeper.start()


def _take_over() -> None:
    """What an earlier worker of this host left need not wait for its lease. Once: later it would be our own."""
    workers.recover_host(socket.gethostname(), worker_name(), alive=_process_lives)
    now = database_now()
    lifecycle.sweep(now)
    debug_shells.sweep_shells(now)


def _introduce() -> bool:
    """The first report, and the first ring. Gives whether the builder is at fault."""
    condition = _condition(check_builder=True)
    started = {"started_at": timezone.now(), "draining_since": None, "drain_asked_at": None, "stopped_at": None}
    workers.report_worker(worker_name(), **started, **condition)
    _report_disks()
    workers.ring()
    catchup.look_soon(database_now())
    return bool(condition["builder_fault"])


def _report(*, check_builder: bool, had_fault: bool) -> bool:
    """A later report. Gives whether the builder is at fault, as far as it was asked."""
    # A build may have met the fault before we did, and said so.
    condition = _condition(check_builder=check_builder or workers.builder_is_at_fault(worker_name()))
    workers.report_worker(worker_name(), **condition)
    _report_disks()
    _leave_if_drained()
    return bool(condition.get("builder_fault", had_fault))


def _leave_if_drained() -> None:
    """An administrator drained this worker and nothing runs on it any more: end as on SIGTERM, with exit code 0.

    Whatever keeps workers running (the supervisor of `make up`, compose, systemd) may then start a new one.
    """
    if workers.may_leave(worker_name()):
        log.info("drained: this worker ends", worker=worker_name())
        os.kill(os.getpid(), signal.SIGTERM)


@worker_shutting_down.connect
def _worker_shutting_down(**_: Any) -> None:
    # A signal handler of Celery's: no time for a database that does not answer.
    threading.Thread(target=workers.drain_worker, args=[worker_name()], name="drain", daemon=True).start()


@worker_shutdown.connect
def _worker_ended(**_: Any) -> None:
    _ended.set()
    for each in _beside:
        each.close()
    workers.worker_stopped(worker_name())


def _report_until_ended() -> None:
    beats, has_taken_over, is_known, has_fault = 0, False, False, False
    while not _ended.is_set():
        try:
            close_old_connections()
            if not has_taken_over:
                _take_over()
                has_taken_over = True
            if is_known:
                # A builder that does not answer is asked at every beat, since builds wait for it.
                has_fault = _report(check_builder=has_fault or beats % 3 == 0, had_fault=has_fault)
            else:
                has_fault, is_known = _introduce(), True
            if settings.ALIVE_FILE:
                Path(settings.ALIVE_FILE).touch()
        except Exception:  # the loop's edge: a database that is away for a moment must not end the reports
            log.exception("the worker could not report itself")
        beats += 1
        _ended.wait(REPORT_S)


def _condition(*, check_builder: bool) -> dict[str, Any]:
    """How the host is: slots, disk, memory, load, and every so often whether the builder answers."""
    # The engine is a worker's alone: the web process imports this module's neighbours.
    from builds.engine.machine import look_at_machine

    settings.WORK_DIR.mkdir(parents=True, exist_ok=True)
    fields: dict[str, Any] = {
        "host": socket.gethostname(),
        "slots": settings.SLOTS,
        **asdict(look_at_machine(settings.WORK_DIR)),
    }
    if check_builder:
        from builds.engine.builder import ask_builder
        from builds.pipeline.leftovers import remove_containers, remove_leftovers, remove_mirrors

        fields["builder"], fields["builder_fault"] = ask_builder()
        remove_leftovers()
        remove_containers()
        remove_mirrors()
    return fields


def _report_disks() -> None:
    from builds.actions.disks import report_disks
    from builds.pipeline.room import measure_disks

    report_disks(worker_name(), measure_disks())


def _process_lives(pid: int, started: str) -> bool:
    return _started(pid) == started
