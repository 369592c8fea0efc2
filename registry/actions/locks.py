"""The locks under which tags move, across all workers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from time import sleep

from lib.rowlock import RowLock, row_lock
from registry.models import Destination, Repository

LOCK_FOR = timedelta(seconds=90)
TURN_FOR = timedelta(seconds=120)
PublishLock = RowLock


def publish_lock(
    repository_id: int, *, wait_s: float = 60.0, wait: Callable[[float], None] = sleep
) -> AbstractContextManager[PublishLock]:
    """Hold the right to move tags of one repository for 90 s, or longer by `renew`. Raises as `row_lock` does."""
    row = Repository.objects.filter(pk=repository_id)
    return row_lock(row, "publish_lock", hold_for=LOCK_FOR, wait_s=wait_s, wait=wait)


def destination_turn(
    destination_id: int, *, wait_s: float = 10.0, wait: Callable[[float], None] = sleep
) -> AbstractContextManager[RowLock]:
    """Hold the turn to move tags at one destination for two minutes, or longer by `renew`."""
    row = Destination.objects.filter(pk=destination_id)
    return row_lock(row, "turn", hold_for=TURN_FOR, wait_s=wait_s, wait=wait, look_s=0.2)
