"""The lock under which the tags of a repository move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic, sleep

from django.db.models import Q

from lib.clock import database_now
from lib.crypto import new_secret
from registry.models import Repository

LOCK_FOR = timedelta(seconds=90)


@dataclass(frozen=True, slots=True)
class PublishLock:
    """The right to move tags of one repository, as long as `renew` says so."""

    repository_id: int
    key: str

    def renew(self) -> bool:
        """Hold it for 90 s from now; False where it ran out and somebody else took it.

        Within a transaction nobody else can take it before that ends.
        """
        rows = Repository.objects.filter(pk=self.repository_id, publish_lock=self.key)
        return bool(rows.update(publish_lock_until=database_now() + LOCK_FOR))


@contextmanager
def publish_lock(
    repository_id: int, *, wait_s: float = 60.0, wait: Callable[[float], None] = sleep
) -> Iterator[PublishLock]:
    """Hold the right to move tags of one repository, across all workers.

    Taken by conditional update; a holder that died lets go after 90 s. `wait` sleeps between looks and may raise to
    stop them. Raises TimeoutError after `wait_s`.
    """
    key = new_secret(16)
    give_up = monotonic() + wait_s
    rows = Repository.objects.filter(pk=repository_id)
    while True:
        now = database_now()
        free = rows.filter(Q(publish_lock="") | Q(publish_lock_until__lt=now))
        if free.update(publish_lock=key, publish_lock_until=now + LOCK_FOR):
            break
        if monotonic() > give_up:
            raise TimeoutError("another publication to this repository does not end")
        wait(0.1)
    try:
        yield PublishLock(repository_id, key)
    finally:
        rows.filter(publish_lock=key).update(publish_lock="", publish_lock_until=None)
