"""Whether the disks of a worker have room for builds, and the sentences about it. No I/O: the numbers arrive measured.

A disk is low below its limit, and stays low until a quarter more than that is free: builds that start and end around
the limit must not switch it on and off.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from lib.humanize import format_size

# Above the limit by this factor before builds start again.
AGAIN = 1.25
MAX_SENTENCE = 300


class Holds(StrEnum):
    """What is kept on a disk, as the sentences name it."""

    WORK = "work trees"
    ENGINE = "Docker Engine"
    REGISTRY = "registry"
    DATA = "database and logs"


# What every worker needs room on, wherever it is: where these are full a build ends badly on each of them.
SHARED = frozenset({Holds.REGISTRY, Holds.DATA})


@dataclass(frozen=True, slots=True)
class Disk:
    """A filesystem as it was measured: what it holds, the bytes, and below how many free ones nothing starts."""

    holds: tuple[Holds, ...]
    free_bytes: int
    total_bytes: int
    limit_bytes: int

    @property
    def name(self) -> str:
        """What tells it apart on its host: one filesystem is one disk, whatever is on it."""
        return ", ".join(part.value for part in self.holds)

    @property
    def again_bytes(self) -> int:
        """How much must be free before builds start again."""
        return min(round(self.limit_bytes * AGAIN), max(self.limit_bytes, self.total_bytes))

    @property
    def is_shared(self) -> bool:
        return bool(SHARED.intersection(self.holds))

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "holds": [part.value for part in self.holds]}


def read_disks(documents: object) -> tuple[Disk, ...]:
    """What `as_json` wrote; what another version wrote and nobody understands is left out."""
    found = []
    for each in documents if isinstance(documents, list) else ():
        try:
            holds = tuple(Holds(name) for name in each["holds"])
            found.append(Disk(holds, int(each["free_bytes"]), int(each["total_bytes"]), int(each["limit_bytes"])))
        except (KeyError, TypeError, ValueError):
            continue
    return tuple(found)


def low_disks(disks: Iterable[Disk], before: Collection[str] = ()) -> tuple[Disk, ...]:
    """Those without room for another build. `before` are the names of those that were low at the last look."""
    return tuple(
        disk for disk in disks if disk.free_bytes < (disk.again_bytes if disk.name in before else disk.limit_bytes)
    )


def disk_fault(host: str, low: Sequence[Disk], *, freed: str = "") -> str:
    """Which disk of which host, how much is free, what is needed, and what to do; "" where none is low.

    `freed` is what the worker took away by itself meanwhile, as a sentence.
    """
    if not low:
        return ""
    disk = min(low, key=lambda each: each.free_bytes)
    others = f" {len(low) - 1} more of its disks {'is' if len(low) == 2 else 'are'} low." if len(low) > 1 else ""  # noqa: PLR2004
    return _fitted(
        f"The disk of {host} ({disk.name}) has {format_size(disk.free_bytes)} free, and builds start only with "
        f"{format_size(disk.again_bytes)}.{others}{f' {freed}' if freed else ''} {remedy(disk)}"
    )


def remedy(disk: Disk) -> str:
    """What makes room on it."""
    if disk.holds == (Holds.REGISTRY,):
        return "Clean up images, or give the registry a larger disk."
    if disk.holds == (Holds.DATA,):
        return "Remove old builds, or give it a larger disk."
    registry = ", clean up images" if Holds.REGISTRY in disk.holds else ""
    cache = "Prune the build cache" if Holds.ENGINE in disk.holds else "Remove what others left there"
    return f"{cache}{registry}, or give it a larger disk."


def blocks_sentence(fault: str) -> str:
    """For a build that waits: `fault` is that of the worker which would take it."""
    return f"No build starts. {fault} It starts by itself when there is room."


def _fitted(text: str) -> str:
    return text if len(text) <= MAX_SENTENCE else f"{text[: MAX_SENTENCE - 1]}…"
