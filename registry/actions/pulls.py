"""Counting pulls: gathered in the memory of each web process, and added to the rows every few seconds.

What was not flushed when a process is killed is lost, a few seconds of it; what was is in the rows for good. A row gets
one UPDATE for all pulls of a flush, by itself: two processes add up, in whatever order, and none waits for the other.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce, Greatest

from registry.actions.own import own_registry, own_repositories
from registry.core.notifications import Told
from registry.models import RegistryWatch, Repository, Tag, TagMove

log = structlog.get_logger(__name__)
EVERY_S = 4.0
MOST_KEYS = 20_000
"""Different tags and digests between two flushes; what is more is counted for the repository alone."""
MOST_REMEMBERED = 50_000
"""Events of which a second telling is known for one."""
Key = tuple[str, str, str]  # repository's path, tag, digest


@dataclass(slots=True)
class _Reads:
    pulls: int = 0
    last_at: datetime | None = None

    def add(self, pulls: int, at: datetime | None) -> None:
        self.pulls += pulls
        if at is not None and (self.last_at is None or at > self.last_at):
            self.last_at = at


@dataclass
class PullCounts:
    """What this process has heard and not yet added. Threads share it."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _reads: dict[Key, _Reads] = field(default_factory=dict)
    _seen: OrderedDict[str, None] = field(default_factory=OrderedDict)
    _heard_at: datetime | None = None

    def hear(self, told: Iterable[Told], now: datetime) -> int:
        """Take what counts out of what the registry told at `now`; gives how many pulls that were."""
        pulls = 0
        with self._lock:
            self._heard_at = now
            for one in told:
                counted = one.counted
                if counted and not self._is_known(one.id):
                    is_pull = counted == "pull"
                    pulls += is_pull
                    self._add((one.repository, one.tag, one.digest), int(is_pull), one.at)
        return pulls

    def _is_known(self, event_id: str) -> bool:
        if event_id in self._seen:
            return True
        self._seen[event_id] = None
        if len(self._seen) > MOST_REMEMBERED:
            self._seen.popitem(last=False)
        return False

    def _add(self, key: Key, pulls: int, at: datetime | None) -> None:
        if key not in self._reads and len(self._reads) >= MOST_KEYS:
            key = (key[0], "", "")
            if key not in self._reads and len(self._reads) >= 2 * MOST_KEYS:
                return
        self._reads.setdefault(key, _Reads()).add(pulls, at)

    def flush(self) -> bool:
        """Add what was gathered to the rows. What the database refuses is kept for the next time: then it is False."""
        with self._lock:
            reads, self._reads = self._reads, {}
            heard_at, self._heard_at = self._heard_at, None
        try:
            if heard_at is not None:
                _note_heard(heard_at)
            _write(reads)
        except DatabaseError as error:
            log.warning("pulls are counted later", waiting=len(reads), error=str(error))
            with self._lock:
                self._heard_at = self._heard_at or heard_at
                for key, read in reads.items():
                    self._add(key, read.pulls, read.last_at)
            return False
        return True

    @property
    def is_empty(self) -> bool:
        return not self._reads and self._heard_at is None


def _note_heard(at: datetime) -> None:
    registry = own_registry()
    if registry is not None:
        watch, _ = RegistryWatch.objects.get_or_create(registry=registry)
        RegistryWatch.objects.filter(pk=watch.pk).update(heard_at=_later("heard_at", at))


def _write(reads: dict[Key, _Reads]) -> None:
    """Each key is taken out when it is written, so that a failure in the middle counts nothing twice."""
    repositories = own_repositories({path for path, _, _ in reads})
    for path in sorted({path for path, _, _ in reads}):
        mine = {key: read for key, read in reads.items() if key[0] == path}
        if path in repositories:
            _write_repository(repositories[path], mine)
        for key in mine:
            reads.pop(key)


def _write_repository(repository: int, reads: Mapping[Key, _Reads]) -> None:
    tags = _tags(repository, reads)
    had = _had_tags(repository, {digest for _, tag, digest in reads if not tag and digest and digest not in tags})
    together, by_tag = _Reads(), dict[str, _Reads]()
    for (_, tag, digest), read in reads.items():
        if not tag and digest and digest not in tags and digest not in had:
            continue  # a part of an index, or what never had a tag: who pulls that has pulled the index
        together.add(read.pulls, read.last_at)
        names = (tag,) if tag else tags.get(digest, ())
        if len(names) == 1:
            by_tag.setdefault(names[0], _Reads()).add(read.pulls, read.last_at)
    if together.last_at is None:
        return
    with transaction.atomic():
        Repository.objects.filter(pk=repository).update(**_added(together))
        for name, read in sorted(by_tag.items()):
            Tag.objects.filter(repository=repository, name=name).update(**_added(read))


def _added(read: _Reads) -> dict[str, Any]:
    last = {"last_pulled_at": _later("last_pulled_at", read.last_at)} if read.last_at else {}
    return {"pulls": F("pulls") + read.pulls, **last}


def _tags(repository: int, reads: Mapping[Key, _Reads]) -> dict[str, tuple[str, ...]]:
    """By digest the tags that point to it now, of what was read without a tag."""
    digests = {digest for _, tag, digest in reads if digest and not tag}
    found: dict[str, tuple[str, ...]] = {}
    rows = Tag.objects.filter(repository=repository, digest__in=digests) if digests else Tag.objects.none()
    for digest, name in rows.values_list("digest", "name"):
        found[digest] = (*found.get(digest, ()), name)
    return found


def _had_tags(repository: int, digests: set[str]) -> set[str]:
    """Images whose tag has moved on: they are pulled by digest all the same."""
    if not digests:
        return set()
    moves = TagMove.objects.filter(repository=repository, to_digest__in=digests, moved=True)
    return set(moves.values_list("to_digest", flat=True))


def _later(column: str, at: datetime) -> Greatest:
    """The later of the two; SQLite's MAX of a NULL is NULL."""
    return Greatest(Coalesce(F(column), Value(at)), Value(at))


class Flusher:
    """A thread that flushes every few seconds; it begins with the first event that this process hears."""

    def __init__(self, counts: PullCounts) -> None:
        self._counts = counts
        self._process = 0
        self._over = threading.Event()
        self._lock = threading.Lock()

    def wake(self) -> None:
        """See to it that there is a thread. A process that was forked off has none."""
        with self._lock:
            if self._process != os.getpid():
                self._process, self._over = os.getpid(), threading.Event()
                threading.Thread(target=self._run, args=[self._over], name="pulls", daemon=True).start()

    def close(self) -> None:
        """At the end of the process: what is left goes to the rows now."""
        self._over.set()
        if not self._counts.is_empty:
            self._counts.flush()
            connection.close()

    def _run(self, over: threading.Event) -> None:
        while not over.wait(EVERY_S):
            if self._counts.is_empty:
                continue
            try:
                self._counts.flush()
            except Exception:  # the loop's edge: one that cannot be written must not end the counting
                log.exception("pulls could not be counted")
            finally:
                connection.close()


counts = PullCounts()
flusher = Flusher(counts)
