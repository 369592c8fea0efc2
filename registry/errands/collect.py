"""Cleaning up the storage of the own registry: the turn of a worker that reaches its folder."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from django.conf import settings

from registry.actions.collections import end_run, fail_run, hand_back, hold_run, take_run
from registry.actions.keeping import wish_of
from registry.actions.own import own_repositories
from registry.actions.storage import measure_soon
from registry.client import RegistryError
from registry.core.patience import Patience
from registry.errands.memory import must_forget
from registry.models import CollectionRun
from registry.opening import open_client
from registry.storage.collect import Terms, collect
from registry.storage.layout import Storage, StorageProblem, open_storage
from registry.storage.removal import finish_removals, remove_repository
from registry.storage.report import Report
from registry.storage.survey import survey

log = structlog.get_logger(__name__)
TELL_S = 1.0
PATIENCE = Patience(attempts=3, total_s=20.0)


class LostRun(Exception):  # noqa: N818 — an answer of the database
    """Somebody else has the run now, or nobody."""


class Interrupted(Exception):  # noqa: N818 — nothing is wrong
    """The process is told to end."""


def reaches_storage() -> bool:
    """Whether this process can write the folder that the own registry keeps its images in."""
    folder = settings.REGISTRY_STORAGE
    return bool(folder) and Path(folder).is_dir() and os.access(folder, os.R_OK | os.W_OK | os.X_OK)


def collect_due(worker: str, is_over: Callable[[], bool]) -> bool:
    """Take the run that is open and do it. Gives whether there was one."""
    run = take_run(worker) if reaches_storage() else None
    if run is None:
        return False
    try:
        report = _do(run, Teller(run, is_over))
    except LostRun:
        log.warning("a clean-up was taken away from this worker", run=run.pk)
    except Interrupted:
        hand_back(run)
    except (StorageProblem, RegistryError) as problem:
        fail_run(run, str(problem))
    except Exception as error:  # a bug of ours must not leave the run open for ever
        log.exception("the storage could not be cleaned up", run=run.pk)
        fault = f"Imageyard itself met a fault ({type(error).__name__}) that its log tells more of. Nothing is missing."
        fail_run(run, fault)
    else:
        end_run(run, report)
        if not run.is_dry:
            measure_soon()
    return True


def _do(run: CollectionRun, tell: Teller) -> Report:
    storage = open_storage(Path(settings.REGISTRY_STORAGE))
    terms = Terms(window_s=settings.COLLECT_WINDOW_S, grace_s=settings.COLLECT_GRACE_S)
    if run.is_dry:
        return survey(storage, wish_of, terms, tell).report
    must_be_cleanable(run, storage)
    finish_removals(storage, _is_known)
    for name in run.removes:
        remove_repository(storage, name, _is_known, window_s=terms.window_s)
    return collect(storage, wish_of, terms, tell)


def _is_known(name: str) -> bool:
    return bool(own_repositories([name]))


def must_be_cleanable(run: CollectionRun, storage: Storage) -> None:
    """Raises StorageProblem where the registry is not one, and RegistryError where it does not answer."""
    with open_client(run.registry, patience=PATIENCE) as client:
        must_forget(client, storage)


class Teller:
    """Tells the database how far a run is, and holds its lease; mostly it does nothing."""

    def __init__(self, run: CollectionRun, is_over: Callable[[], bool]) -> None:
        self._run = run
        self._is_over = is_over
        self._told = -TELL_S

    def __call__(self, step: str, report: Report) -> None:
        now = time.monotonic()
        if now - self._told < TELL_S:
            return
        self._told = now
        if self._is_over():
            raise Interrupted
        if not hold_run(self._run, step, report):
            raise LostRun
