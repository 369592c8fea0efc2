"""Copies one blob: left out where it is there, mounted within one registry, else sent while it is read and verified."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from registry.client.client import RegistryClient
from registry.core.copy_plan import Blob
from registry.core.errors import RegistryError, RegistryErrorKind
from registry.core.patience import Patience
from registry.core.upload import WrongContent, verified

_PATIENCE = Patience(attempts=4, total_s=300.0, base_s=1.0)
"""Between tries of one blob: each of them starts anew, and may take long itself."""
_LEAST_S = 300.0
_SLOWEST = 100_000
"""Bytes a second: a blob that comes more slowly is given up, whoever is to blame."""


@dataclass(frozen=True)
class Place:
    """A repository of a registry. Two places are in one registry where `registry` is the same."""

    client: RegistryClient
    repository: str
    registry: str = ""

    @property
    def of(self) -> str:
        return self.registry or self.client.host


class Meter:
    """Counts bytes for whoever watches. Threads share it."""

    def __init__(self, told: Callable[[int, int], None]) -> None:
        self._told = told
        self._lock = threading.Lock()
        self.done = 0
        self.total = 0

    def expect(self, size_bytes: int) -> None:
        self._count(0, size_bytes)

    def add(self, size_bytes: int) -> None:
        """Negative where a try has failed and what it sent is sent again."""
        self._count(size_bytes, 0)

    def _count(self, done: int, total: int) -> None:
        with self._lock:
            self.done += done
            self.total += total
            self._told(self.done, self.total)


@dataclass
class BlobCopy:
    """Copies blobs from `source` to `target`. Threads share it; once `halt` is set each stops at its next piece."""

    source: Place
    target: Place
    meter: Meter
    check: Callable[[], None]
    halt: threading.Event = field(default_factory=threading.Event)
    sent_bytes: int = 0
    mounted: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def copy(self, blob: Blob) -> None:
        """Have `blob` at the target. Raises `RegistryError`, and what `check` raises."""
        started, tries = time.monotonic(), 0
        while not self.halt.is_set():
            self.check()
            tries += 1
            path = self._start(blob)
            if path is None:
                self.meter.add(blob.size_bytes)
                return
            try:
                self._send(path, blob)
            except RegistryError as error:
                spent_s, hint = time.monotonic() - started, error.retry_after_s
                pause = _PATIENCE.pause(tries, spent_s=spent_s, jitter=_jitter(), retry_after_s=hint)
                if not error.retryable or pause is None:
                    raise
                self.target.client.wait(pause)
            else:
                with self._lock:
                    self.sent_bytes += blob.size_bytes
                return

    def _start(self, blob: Blob) -> str | None:
        """Where to send it; None where it is there already, or is now."""
        uploads = self.target.client.uploads(self.target.repository)
        if uploads.has(blob.digest):
            return None
        if self.source.of != self.target.of or blob.inline is not None:
            return uploads.begin()
        path = uploads.mount(blob.digest, self.source.repository)
        if path is None:
            with self._lock:
                self.mounted += 1
        return path

    def _send(self, path: str, blob: Blob) -> None:
        uploads = self.target.client.uploads(self.target.repository)
        sent = 0

        def pieces() -> Iterator[bytes]:
            nonlocal sent
            self.meter.add(-sent)  # a log-in that had run out: all of it is sent once more
            sent = 0
            for piece in self._pieces(blob):
                self.check()
                if self.halt.is_set():
                    raise _halted()
                yield piece
                sent += len(piece)
                self.meter.add(len(piece))

        try:
            uploads.send(path, blob.digest, blob.size_bytes, pieces, _total_s(blob))
        except BaseException:
            self.meter.add(-sent)
            raise

    def _pieces(self, blob: Blob) -> Iterator[bytes]:
        if blob.inline is not None:
            yield blob.inline
            return
        source = self.source
        try:
            with source.client.open_blob(source.repository, blob.digest, total_s=_total_s(blob)) as chunks:
                yield from verified(chunks, blob.digest, blob.size_bytes)
        except WrongContent as wrong:
            sentence = f"{source.client.host} did not give {blob.words} of {source.repository} as it should: {wrong}."
            raise RegistryError(sentence, kind=RegistryErrorKind.INVALID, retryable=wrong.retryable) from wrong
        except RegistryError as error:
            if error.kind is not RegistryErrorKind.NOT_FOUND:
                raise
            sentence = (
                f"{source.client.host} no longer has a part of {source.repository}: {blob.words}. It was probably "
                "deleted there. Build or push that image again, and then promote it."
            )
            raise RegistryError(sentence, kind=RegistryErrorKind.INCOMPLETE, status=error.status) from error


def _halted() -> RegistryError:
    return RegistryError("Another part of the image could not be copied.", kind=RegistryErrorKind.INCOMPLETE)


def _total_s(blob: Blob) -> float:
    return max(_LEAST_S, blob.size_bytes / _SLOWEST)


def _jitter() -> float:
    return random.random()  # noqa: S311 — it spreads clients in time, it hides nothing
