"""Listens to the kernel of this host while a build runs: which processes it killed for want of memory. Judges nothing.

The log (`/dev/kmsg`) is for root, or for everybody where `kernel.dmesg_restrict` is 0; the count (`oom_kill` in
`/proc/vmstat`, proc(5)) is for everybody, in containers too. Both are of the whole host, whoever's process it was.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from builds.core.failure_memory import MemoryReport, read_kills

_LOG = "/dev/kmsg"
_COUNTS = Path("/proc/vmstat")
_RECORD_BYTES = 8192
# A kernel that is asked for thousands of records a second has other troubles than our build.
_MOST_RECORDS = 20_000


class KernelWatch:
    """A context manager around a build. `report()` says what happened since it was entered."""

    def __init__(self, *, docker_host: str, builder: str) -> None:
        # Behind a socket of this host the same kernel runs the steps. Of a builder with a name nobody knows it.
        self._is_ours = (
            docker_host in {"", *([docker_host] if docker_host.startswith("unix://") else [])} and not builder
        )
        self._log: int | None = None
        self._counted: int | None = None

    def __enter__(self) -> Self:
        try:
            self._log = os.open(_LOG, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            os.lseek(self._log, 0, os.SEEK_END)
        except OSError:
            self._close()
        self._counted = _count()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def report(self) -> MemoryReport:
        """What the kernel told so far; never raises."""
        before, now = self._counted, _count()
        return MemoryReport(
            kills=read_kills(self._records(), booted=_booted()),
            counted=now - before if self._is_ours and before is not None and now is not None else None,
            total_bytes=_total_bytes() if self._is_ours else None,
        )

    def _records(self) -> list[str]:
        records: list[str] = []
        while self._log is not None and len(records) < _MOST_RECORDS:
            try:
                record = os.read(self._log, _RECORD_BYTES)
            except BrokenPipeError:
                continue  # records were overwritten before they were read: what follows is there
            except OSError:
                break
            if not record:
                break
            records.append(record.decode("utf-8", "replace"))
        return records

    def _close(self) -> None:
        if self._log is not None:
            os.close(self._log)
            self._log = None


def _count() -> int | None:
    try:
        lines = _COUNTS.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)


def _booted() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=time.clock_gettime(time.CLOCK_MONOTONIC))


def _total_bytes() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None
