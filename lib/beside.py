"""Something that goes on in a thread of its own as long as a block lasts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def beside(work: Callable[[threading.Event], None], *, name: str) -> Iterator[None]:
    """Run `work` beside the block. It is given the event that the block is over, ends soon after that, and is awaited.

    What `work` raises is its own business; a connection to the database that it opened is too.
    """
    over = threading.Event()
    thread = threading.Thread(target=work, args=[over], name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
