"""A lock that is two columns of a row: whose it is, and until when. It holds across all processes and hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic, sleep
from typing import Any

from django.db.models import Q, QuerySet

from lib.clock import database_now
from lib.crypto import new_secret


@dataclass(frozen=True, slots=True)
class RowLock:
    """A lock that is held, as long as `renew` says so. `mine` is the row while it is held by `key`."""

    mine: QuerySet[Any]
    column: str
    key: str
    hold_for: timedelta

    def renew(self) -> bool:
        """Hold it for `hold_for` from now; False where it ran out and somebody else took it.

        Within a transaction nobody else can take it before that ends.
        """
        return bool(self.mine.update(**{f"{self.column}_until": database_now() + self.hold_for}))


@contextmanager
def row_lock(
    row: QuerySet[Any],
    column: str,
    *,
    hold_for: timedelta,
    wait_s: float,
    wait: Callable[[float], None] = sleep,
    look_s: float = 0.1,
) -> Iterator[RowLock]:
    """Hold the lock in `column` and `<column>_until` of the one row in `row`.

    Taken by conditional update; a holder that died lets go after `hold_for`. `wait` sleeps between looks and may raise
    to stop them. Raises TimeoutError after `wait_s`.
    """
    key, give_up = new_secret(16), monotonic() + wait_s
    while True:
        now = database_now()
        free = row.filter(Q(**{column: ""}) | Q(**{f"{column}_until__lt": now}))
        if free.update(**{column: key, f"{column}_until": now + hold_for}):
            break
        if monotonic() > give_up:
            raise TimeoutError("whoever holds it does not end")
        wait(look_s)
    mine = row.filter(**{column: key})
    try:
        yield RowLock(mine, column, key, hold_for)
    finally:
        mine.update(**{column: "", f"{column}_until": None})
