"""What is rung on commit (Celery, open pages) waits until the forge has its answer, so that no Redis can delay it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from threading import Lock

from django.db import connection, transaction

Bell = Callable[[], object]

# SQLite takes one write at a time and lets the others sleep, longer each time, until they ask again: here they queue.
_turn = Lock()
_held: ContextVar[list[Bell] | None] = ContextVar("held_bells", default=None)


@contextmanager
def hold_bells() -> Iterator[list[Bell]]:
    """Within, `ledger_transaction` puts its on-commit calls into the list that is given, and calls none of them.

    Whoever holds them rings them after the answer is out. A process that dies in between has lost nothing but time:
    the rows are there, and beat rings for them.
    """
    bells: list[Bell] = []
    token = _held.set(bells)
    try:
        yield bells
    finally:
        _held.reset(token)


@contextmanager
def ledger_transaction() -> Iterator[None]:
    """`transaction.atomic()` whose on-commit calls are held where somebody holds them."""
    held = _held.get()
    is_outermost = not connection.in_atomic_block
    with _turn if is_outermost and connection.vendor == "sqlite" else nullcontext(), transaction.atomic():
        yield
        if held is not None and is_outermost:
            held += [entry[1] for entry in connection.run_on_commit]
            connection.run_on_commit = []
