"""Work trees of runs that died: removed at a worker's start and every half minute, never one that is in use."""

from __future__ import annotations

import shutil
from pathlib import Path

from django.conf import settings

from builds.core.states import RUNNING
from builds.models import Build


def remove_leftovers() -> int:
    """Remove the folders of runs that hold no lease any more; gives how many. Again finds nothing.

    A folder is named `<build>.<attempt>`. One that belongs to a run under way, on this worker or on another one that
    shares the disk, stays.
    """
    folders = [path for path in Path(settings.WORK_DIR).glob("*.*") if path.is_dir()]
    if not folders:
        return 0
    running = {
        f"{pk}.{attempt}" for pk, attempt in Build.objects.filter(state__in=RUNNING).values_list("pk", "attempt")
    }
    dead = [path for path in folders if path.name not in running]
    for path in dead:
        shutil.rmtree(path, ignore_errors=True)
    return len(dead)
