"""Whether a step was killed for want of memory: what the kernel says of it, read and judged. Asks no kernel itself.

The kernel's words are those of mm/oom_kill.c and mm/memcontrol.c, as `/dev/kmsg` gives them (Documentation/ABI/testing/
dev-kmsg): `priority,sequence,microseconds,flags;text`. BuildKit's are `cannot allocate memory` in the place of the exit
code, on hosts with cgroup v2 (executor/runcexecutor, `detectOOM`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from lib.humanize import format_size

_RECORD = re.compile(r"(?P<head>[^;\n]*);(?P<text>[^\n]*)")
_USAGE = re.compile(r"memory: usage (?P<used>\d{1,15})kB, limit (?P<limit>\d{1,16})kB")
_VICTIM = re.compile(r"oom-kill:constraint=(?P<constraint>CONSTRAINT_\w+),.*task_memcg=(?P<group>[^,]*)")
_KILLED = re.compile(
    r"ut of memory.*: Killed process \d+ \((?P<process>.*)\) total-vm:\d+kB, anon-rss:(?P<rss>\d{1,15})kB"
)
# BuildKit runs every step in a group of its own below one of this name; under systemd the group of a step looks like
# that of any container of the engine (executor/oci/spec.go, `GenerateSpec`; daemon/…/builder-next, `newCgroupParent`).
_BUILDKIT_GROUP = re.compile(r"/buildkit/[^/]+")
_ENGINE_GROUP = re.compile(r"/docker-[^/]+\.scope")
# A group without a limit says the largest number there is, in pages.
_NO_LIMIT_KB = 2**50
# The kernel's clock since boot drifts a little from the clock on the wall, and a shell ends after its child was killed.
_SLACK = timedelta(seconds=5)
# What compilers and shells print about a child that was killed.
_SAYS_KILLED = re.compile(
    r"(?m)^(?:\S.*: +)?(?:\d+ +)?Killed\b|[Kk]illed signal terminated program"
    r"|signal: (?:9|killed)|signal 9\b|SIGKILL"
)
_SIGNALLED_KILL = 128 + 9


@dataclass(frozen=True, slots=True)
class MemoryKill:
    """A process that the kernel killed for want of memory, `at` the clock on the wall.

    `used_bytes` of `limit_bytes` are those of the group that had no more; `limit_bytes` is None where the whole machine
    had none left, and then `used_bytes` is what the process had.
    """

    process: str
    group: str
    used_bytes: int
    limit_bytes: int | None
    at: datetime

    def fits(self, began: datetime | None, ended: datetime | None) -> bool:
        """Whether it was a process of a step that ran in this time; of a container it must have been its end."""
        if ended is not None and self.at > ended + _SLACK:
            return False
        if _BUILDKIT_GROUP.search(self.group):
            return began is None or self.at >= began - _SLACK
        return _ENGINE_GROUP.search(self.group) is not None and ended is not None and self.at >= ended - _SLACK


@dataclass(frozen=True, slots=True)
class MemoryReport:
    """What the kernel of the builder's host told since a build began.

    `kills` are out of its log, none where that may not be read. `counted` is its own count of such kills, None where
    the builder is on another host. `total_bytes` is the memory of that host.
    """

    kills: tuple[MemoryKill, ...] = ()
    counted: int | None = None
    total_bytes: int | None = None


UNKNOWN = MemoryReport()


def read_kills(records: Iterable[str], *, booted: datetime) -> tuple[MemoryKill, ...]:
    """The kills in a piece of the kernel's log. `booted` is when its clock began."""
    kills: list[MemoryKill] = []
    used = limit = 0
    group, is_limited = "", False
    for record in records:
        match = _RECORD.match(record)
        if match is None:
            continue
        text = match["text"]
        if usage := _USAGE.search(text):
            used, limit = int(usage["used"]), int(usage["limit"])
        elif victim := _VICTIM.search(text):
            group, is_limited = victim["group"], victim["constraint"] == "CONSTRAINT_MEMCG"
        elif killed := _KILLED.search(text):
            known = is_limited and 0 < limit < _NO_LIMIT_KB
            kills.append(
                MemoryKill(
                    process=killed["process"],
                    group=group,
                    used_bytes=(used if known else int(killed["rss"])) * 1024,
                    limit_bytes=limit * 1024 if known else None,
                    at=booted + timedelta(microseconds=_microseconds(match["head"])),
                )
            )
            used = limit = 0
            group, is_limited = "", False
    return tuple(kills)


def _microseconds(head: str) -> int:
    parts = head.split(",")
    return int(parts[2]) if len(parts) > 2 and parts[2].isdecimal() and len(parts[2]) < 18 else 0  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class Killed:
    """The judgement: `sentence` follows the name of the step; `is_memory` None means that nobody knows."""

    is_memory: bool | None
    sentence: str


def judge_kill(
    report: MemoryReport,
    *,
    exit_code: int | None,
    noticed: bool,
    output: str,
    began: datetime | None,
    ended: datetime | None,
) -> Killed | None:
    """Whether a step that ended badly was killed for want of memory; None where nothing speaks of a kill.

    `exit_code` is None and `noticed` true where BuildKit named the want of memory itself. `output` is what the step
    printed last; `began` and `ended` are its time.
    """
    if not (noticed or exit_code == _SIGNALLED_KILL or _SAYS_KILLED.search(output)):
        return None
    kill = next((kill for kill in reversed(report.kills) if kill.fits(began, ended)), None)
    if kill is not None:
        return Killed(True, f"was killed for using {_amount(kill, report)}{_named(kill)}. {_TRY}")
    had = f" The builder's host has {format_size(report.total_bytes)}." if report.total_bytes else ""
    if noticed:
        return Killed(True, f"was killed for want of memory.{had} {_TRY}")
    # A process that was killed is no proof by itself: tests and scripts kill their own.
    return _judge_count(report, had) if exit_code == _SIGNALLED_KILL else None


def _judge_count(report: MemoryReport, had: str) -> Killed:
    killed = f"was killed (exit code {_SIGNALLED_KILL})"
    if report.counted is None:
        return Killed(
            None,
            f"{killed}, most likely because the builder ran out of memory. "
            "Give the builder more memory, or let the step use less.",
        )
    # Where the kernel's log tells of as many kills as it counts, and none of them fits, all were of others.
    if report.counted <= len(report.kills):
        return Killed(
            False,
            f"{killed}, but not for want of memory: the kernel of the builder's host tells of no such kill. Something "
            "in the step, or somebody on that host, sent the signal.",
        )
    return Killed(
        True,
        f"{killed} for want of memory: the kernel of the builder's host ended {_processes(report.counted)} for that "
        f"reason in this time.{had} {_TRY}",
    )


_TRY = "Give the builder more memory, or build with fewer jobs at once."


def _amount(kill: MemoryKill, report: MemoryReport) -> str:
    if kill.limit_bytes is not None:
        return f"{format_size(kill.used_bytes)} of {format_size(kill.limit_bytes)}"
    total = f" of the {format_size(report.total_bytes)} that the builder's host has" if report.total_bytes else ""
    return f"{format_size(kill.used_bytes)}{total}"


def _named(kill: MemoryKill) -> str:
    name = "".join(character for character in kill.process if character.isprintable()).replace("`", "'")
    return f" (process `{name}`)" if name else ""


def _processes(count: int) -> str:
    return "a process" if count == 1 else f"{count} processes"
