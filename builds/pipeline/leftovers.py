"""What nobody needs any more on a worker: work trees and containers of runs that died, mirrors of removed sources.

It is looked for at a worker's start and every half minute, and nothing that is in use is touched.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from django.conf import settings

from builds.core.states import RUNNING
from builds.models import Build, DebugSession, Source
from builds.pipeline.sandbox import shell_name, sweep


def remove_leftovers() -> int:
    """Remove the folders of runs that hold no lease any more; gives how many. Again finds nothing.

    A folder is named `<build>.<attempt>`. One that belongs to a run under way, on this worker or on another one that
    shares the disk, stays.
    """
    folders = [path for path in Path(settings.WORK_DIR).glob("*.*") if path.is_dir()]
    if not folders:
        return 0
    running = _running()
    dead = [path for path in folders if path.name not in running]
    for path in dead:
        shutil.rmtree(path, ignore_errors=True)
    return len(dead)


def remove_containers() -> int:
    """Remove containers, networks, volumes and images of tests, hooks and shells whose run is over; gives how many."""
    return sweep(_running)


def _running() -> set[str]:
    """The runs and shells under way, each as its folder and its containers are named."""
    rows = Build.objects.filter(state__in=RUNNING).values_list("pk", "attempt")
    shells = DebugSession.objects.open().values_list("pk", flat=True)
    return {*(f"{pk}.{attempt}" for pk, attempt in rows), *map(shell_name, shells)}


def remove_mirrors() -> int:
    """Remove the mirrors of sources that are no more, those of submodules and pull requests too; gives how many."""
    mirrors: dict[UUID, Path] = {}
    for path in Path(settings.MIRRORS_DIR).glob("*.git*"):
        name = path.name.partition(".")[0]
        with suppress(ValueError):
            mirrors[UUID(name)] = path.with_name(f"{name}.git")
    there = set(Source.objects.filter(pk__in=mirrors).values_list("pk", flat=True)) if mirrors else set()
    gone = [path for key, path in mirrors.items() if key not in there]
    for path in gone:
        for each in path.parent.glob(f"{path.name}*"):
            shutil.rmtree(each, ignore_errors=True) if each.is_dir() else each.unlink(missing_ok=True)
    return len(gone)
