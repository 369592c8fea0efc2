"""How the machine of a worker is: disk, memory, processors, load. Linux's own accounts; limits of a container count."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

# proc(5) `meminfo`, in kB; and what the control group of this process may use (cgroup v2, `memory.max`), in bytes.
_MEMINFO = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Machine:
    """Bytes of disk where builds work and of memory, free and in all; processors; the load of the last minute.

    Memory is None where it cannot be read.
    """

    disk_free_bytes: int
    disk_total_bytes: int
    memory_free_bytes: int | None
    memory_total_bytes: int | None
    cpus: int
    load: float


def look_at_machine(folder: Path, *, meminfo: Path = _MEMINFO, group: Path = _GROUP) -> Machine:
    """Look once; `folder` is on the disk that is meant."""
    disk = shutil.disk_usage(folder)
    memory_free, memory_total = _memory(meminfo, group)
    # What this process may run on, which in a container or under taskset is less than the machine has.
    cpus = len(os.sched_getaffinity(0))
    return Machine(disk.free, disk.total, memory_free, memory_total, cpus, round(os.getloadavg()[0], 2))


def _memory(meminfo: Path, group: Path) -> tuple[int | None, int | None]:
    """Available and in all; within a limited control group, of that limit, if it is the smaller."""
    try:
        rows = dict(line.split(":", 1) for line in meminfo.read_text(encoding="ascii").splitlines() if ":" in line)
        free, total = (int(rows[name].split()[0]) * 1024 for name in ("MemAvailable", "MemTotal"))
    except (OSError, KeyError, ValueError, IndexError):
        return None, None
    limit, used = _number(group / "memory.max"), _number(group / "memory.current")
    if limit is None or used is None or limit >= total:
        return free, total
    # The page cache counts as used, although the kernel gives it back when it is wanted.
    cache = _of(group / "memory.stat", "inactive_file")
    return min(free, max(0, limit - used + cache)), limit


def _number(file: Path) -> int | None:
    """The number in a file of the control group; None where there is none, or no limit ("max")."""
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _of(file: Path, name: str) -> int:
    try:
        rows = dict(line.split(" ", 1) for line in file.read_text(encoding="ascii").splitlines() if " " in line)
        return int(rows.get(name, 0))
    except (OSError, ValueError):
        return 0
