"""What a worker does for its disks beside its builds: looks at the build cache, prunes it by policy, makes room.

In a thread of the worker's main process. Every step may be lost or done twice without harm. BuildKit itself keeps what
a running build uses, whatever is asked of it.
"""

from __future__ import annotations

import fcntl
import socket
import threading
import time
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import structlog
from django.conf import settings
from django.db import close_old_connections, connection

from builds.actions import cache_prunes
from builds.core.build_cache import CacheLimits, CacheReport, is_due, read_report, summarize
from builds.core.disk import Disk, Holds, low_disks
from builds.core.errors import Stopped
from builds.core.states import RUNNING
from builds.engine.buildcache import BuildCache, CacheFault
from builds.engine.stopflag import StopFlag
from builds.engine.workspace import remove
from builds.models import Build, CachePrune, Worker
from builds.pipeline.room import measure_disks
from lib.beside import beside
from lib.clock import database_now
from lib.humanize import format_size, plural

log = structlog.get_logger(__name__)
STEP_S = 10.0
LOOK_S = 300.0
# A disk that is low again after room was made there gets it again, but not with every report.
ROOM_EVERY = timedelta(minutes=10)
Cause = CachePrune.Cause


class Housekeeper:
    """Keeps house until it is closed."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._stop = StopFlag()
        self._over = threading.Event()
        self._looked = -LOOK_S
        self._thread = threading.Thread(target=self._keep, name="housekeeping", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._stop.set("drain")

    def _keep(self) -> None:
        try:
            while not self._over.wait(STEP_S):
                try:
                    close_old_connections()
                    self.step()
                except Stopped:
                    return
                except Exception:  # the loop's edge: whatever is wrong with one step, the next one is tried
                    log.exception("housekeeping met a fault")
        finally:
            connection.close()

    def step(self) -> None:
        """One round."""
        host = socket.gethostname()
        plan_room(host)
        if time.monotonic() - self._looked >= LOOK_S:
            self._looked = time.monotonic()
            look_at_cache(self._worker, self._stop)
            plan_policy(host, self._worker)
        if carry_out_prune(host, self._worker, self._stop):
            look_at_cache(self._worker, self._stop)


def own_cache() -> BuildCache:
    """The cache of the builder of this worker."""
    return BuildCache(settings.BUILDX_BUILDER, settings.DOCKER_HOST)


def look_at_cache(worker: str, stop: StopFlag) -> CacheReport:
    """Ask the builder what it keeps, and write it down."""
    cache = own_cache()
    try:
        report = summarize(cache.name, cache.records(stop))
    except CacheFault as fault:
        report = CacheReport(builder=cache.name, fault=str(fault)[:300])
    cache_prunes.report_cache(worker, report)
    return report


def plan_policy(host: str, worker: str) -> bool:
    """Ask for a pruning where the policy has something to do and nothing is built on this host."""
    policy = cache_prunes.policy_of(host)
    row = Worker.objects.filter(name=worker).first()
    report = read_report(row.cache) if row else None
    if report is None or not policy.may_prune or not is_due(report, policy.limits):
        return False
    if is_building(host):
        return False
    if cache_prunes.was_pruned_lately(host, Cause.POLICY, database_now()):
        return False
    return cache_prunes.plan_prune(host, Cause.POLICY, policy.limits)


def is_building(host: str) -> bool:
    """Whether a worker of this host has a build."""
    here = Worker.objects.filter(host=host).values("name")
    return Build.objects.filter(state__in=RUNNING, worker__in=here).exists()


def plan_room(host: str) -> bool:
    """Ask for room where a disk of this worker is low; builds may run meanwhile, BuildKit keeps what they use."""
    if not (low := low_disks(measure_disks())):
        return False
    if cache_prunes.was_pruned_lately(host, Cause.DISK, database_now(), every=ROOM_EVERY):
        return False
    wanted = max(disk.again_bytes for disk in low)
    return cache_prunes.plan_prune(host, Cause.DISK, cache_prunes.policy_of(host).limits, free_bytes=wanted)


def carry_out_prune(host: str, worker: str, stop: StopFlag) -> bool:
    """Take the open pruning of this host, if there is one, and carry it out. Gives whether there was."""
    prune = cache_prunes.take_prune(host, worker)
    if prune is None:
        return False
    with beside(partial(_renew, prune), name="prune-lease"):
        freed, sentence = _make_room(prune, stop) if prune.cause == Cause.DISK else _prune(prune, stop)
    cache_prunes.end_prune(prune, builder=own_cache().name, freed_bytes=freed, sentence=sentence)
    return True


def _renew(prune: CachePrune, over: threading.Event) -> None:
    try:
        while not over.wait(cache_prunes.LEASE.total_seconds() / 4):
            with suppress(Exception):  # a database that is away for a moment; the lease is long
                cache_prunes.renew_prune(prune)
    finally:
        connection.close()


def _prune(prune: CachePrune, stop: StopFlag) -> tuple[int | None, str]:
    limits = CacheLimits(prune.keep_bytes, prune.unused_days)
    cache = own_cache()
    try:
        freed = cache.prune(CacheLimits(keep_bytes=0) if limits.is_empty else limits, stop)
    except CacheFault as fault:
        return None, str(fault)
    kept = f" Kept: {cache_prunes.said(limits)}." if not limits.is_empty else ""
    return freed, f"{format_size(freed)} of build cache of the builder {cache.name} went.{kept}"


def _make_room(prune: CachePrune, stop: StopFlag) -> tuple[int | None, str]:
    """Free what can be made again: build cache, if somebody said that it may go, and mirrors that no build holds."""
    freed, told = 0, []
    wanted = prune.free_bytes or 0
    missing = _missing(wanted, Holds.ENGINE)
    if missing > 0 and cache_prunes.policy_of(prune.host).may_prune:
        cache = own_cache()
        try:
            private = summarize(cache.name, cache.records(stop)).private_bytes
            pruned = cache.prune(CacheLimits(keep_bytes=max(0, private - missing)), stop)
        except CacheFault as fault:
            told.append(str(fault))
        else:
            freed += pruned
            told.append(f"It pruned {format_size(pruned)} of build cache by itself.")
    elif missing > 0:
        told.append("Its build cache is shared with others and was left alone.")
    missing = _missing(wanted, Holds.WORK)
    # A build that publishes asks its mirror which commit is newer.
    if missing > 0 and not is_building(prune.host):
        count, size = drop_mirrors(Path(settings.MIRRORS_DIR), missing)
        if count:
            freed += size
            told.append(
                f"It removed {plural(count, 'mirror')} of Git sources ({format_size(size)}), made again on demand."
            )
    return freed, " ".join(told) or "It found nothing to free by itself."


def _missing(wanted: int, holds: Holds) -> int:
    """How many bytes the disk with that is short of; 0 where it is none of ours, or has enough."""
    disk: Disk | None = next((disk for disk in measure_disks() if holds in disk.holds), None)
    return max(0, min(wanted, disk.again_bytes) - disk.free_bytes) if disk else 0


def drop_mirrors(folder: Path, missing: int) -> tuple[int, int]:
    """Remove mirrors, the longest unused first, until `missing` bytes are free; gives how many, and bytes.

    One that a build holds is left alone: whoever uses it has its lock.
    """
    count = freed = 0
    mirrors = sorted((path for path in folder.glob("*.git*") if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for path in mirrors:
        if freed >= missing:
            break
        with (path.parent / f"{path.name}.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            size = sum(each.lstat().st_blocks * 512 for each in path.rglob("*") if not each.is_symlink())
            remove(path)
        count, freed = count + 1, freed + size
    return count, freed
