"""How much is free on a filesystem: the one place that asks the kernel, so that tests can say it differently."""

from __future__ import annotations

import shutil
from pathlib import Path


def free_bytes(folder: Path) -> tuple[int, int]:
    """Free for this process and in all, of the filesystem that `folder` is on. Raises OSError."""
    usage = shutil.disk_usage(folder)
    return usage.free, usage.total
