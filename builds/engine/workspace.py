"""Directories of one run: a workspace that always goes away, and a private one for secrets. Puts nothing in them."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_PREFIX = "imageyard-private"
_MEMORY = Path("/dev/shm")  # noqa: S108 — where Linux keeps files in memory; the directory inside is private
_OWNER = re.compile(rf"{_PREFIX}-(?P<pid>\d+)-(?P<started>\d+)-")


@dataclass(frozen=True, slots=True)
class Workspace:
    """`tree` is where the checkout goes (not there yet), `work` is for the engine's own files beside it."""

    root: Path

    @property
    def tree(self) -> Path:
        return self.root / "tree"

    @property
    def work(self) -> Path:
        return self.root / "work"


@contextmanager
def workspace(root: Path, name: str) -> Iterator[Workspace]:
    """An empty directory `root/name`, mode 0700, removed at the end whatever happens.

    What a dead worker left under the same name is removed first, so names are one per build and attempt.
    """
    place = Workspace(root / name)
    remove(place.root)
    place.root.mkdir(parents=True, mode=0o700)
    place.work.mkdir(mode=0o700)
    try:
        yield place
    finally:
        remove(place.root)


def sweep_workspaces(root: Path, keep: frozenset[str]) -> list[str]:
    """Remove every workspace below `root` whose name is not in `keep`; returns the names removed."""
    stale = [entry.name for entry in root.iterdir() if entry.name not in keep] if root.is_dir() else []
    for name in stale:
        remove(root / name)
    return stale


def remove(path: Path) -> None:
    """Remove a directory with all that is in it, following no link; a missing one is fine."""
    with suppress(FileNotFoundError):
        shutil.rmtree(path)


@contextmanager
def private_directory() -> Iterator[Path]:
    """A directory for secrets, mode 0700, in memory where the system offers that; removed at the end.

    After a `kill -9` it stays until `sweep_private` runs in a later process.
    """
    sweep_private()
    base = _MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
    path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}-{os.getpid()}-{_started(os.getpid())}-", dir=base))
    try:
        yield path
    finally:
        remove(path)


def sweep_private() -> None:
    """Remove the private directories of our processes that have died. Cheap: two directory listings."""
    for base in (_MEMORY, Path(tempfile.gettempdir())):
        with suppress(OSError):
            for entry in base.iterdir():
                match = _OWNER.match(entry.name)
                # The start time tells a process from a later one with the same number. Foreign owners' are not ours.
                if match and str(_started(int(match["pid"]))) != match["started"]:
                    with suppress(OSError):
                        remove(entry)


def write_private(path: Path, content: str | bytes) -> Path:
    """Write a new file that only we can read, byte for byte (a text as UTF-8)."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    return path


def _started(pid: int) -> int:
    """When a process started, in clock ticks since boot (proc(5), field 22); 0 where there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return 0
    return int(stat.rpartition(b")")[2].split()[19])
