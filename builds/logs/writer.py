"""Writes the log of one attempt: redacts, cuts, stores, and shows it meanwhile. Knows ids, never models.

`write` only copies bytes. A thread of the writer's own compresses and stores frames and publishes tails, so that a slow
database or Redis never stops the build from being read; only when 8 MiB wait for the database does `write` wait too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import structlog

from builds.core.linetimes import Mark
from builds.logs.cutter import Cut, Position, StepCutter
from builds.logs.frames import FrameStore, StoreClosed, StoreUnavailable, Totals
from builds.logs.outbox import Outbox
from builds.logs.stream import RedisClient
from builds.logs.tail import TailPublisher
from lib.redact import RedactingStream, Redactor

log = structlog.get_logger(__name__)

TICK_S = 0.05  # viewers are told at most this often, unless the build waits for its log
FLOOD_TICK_S = 0.2  # in a flood, which nobody reads as it flies by: each turn costs the build processor time
SEAL_AFTER_S = 2.0  # what a worker that is killed together with Redis can lose
PENDING_BYTES = 8 * 1024 * 1024
STORE_BACKOFF_S = (0.1, 2.0)
PATIENCE_S = 120.0  # how long the database may be away before the build fails as a fault of the platform
DEFAULT_CAP_BYTES = 64 * 1024 * 1024


class _Step:
    """What the writer knows of one step."""

    def __init__(self, step: int, redactor: Redactor) -> None:
        self.cutter = StepCutter(step)
        self.redacting: RedactingStream = redactor.stream()
        self.end = Position()
        self.stored = Position()
        self.waiting_since: float | None = None  # of the oldest byte that is in no frame
        self.clipped = False


class LogWriter:
    """The log of one attempt, from its first byte to `close()`.

    `write`, `event`, `finish_step` and `close` may be called from any thread. Raises `StoreUnavailable` when the
    database stays away for `PATIENCE_S`. When the attempt lost its lease (`StoreClosed`), `fenced` turns true and
    everything written from then on goes nowhere.
    """

    def __init__(
        self,
        build_id: int,
        attempt: int,
        *,
        store: FrameStore,
        redis: RedisClient,
        redactor: Redactor | None = None,
        cap_bytes: int = DEFAULT_CAP_BYTES,
    ) -> None:
        self.build_id, self.attempt = build_id, attempt
        self.fenced = False
        self.bytes_seen = 0
        self._store, self._redactor, self._cap_bytes = store, redactor or Redactor(), cap_bytes
        self._kept_bytes = self._dropped_bytes = 0
        self._steps: dict[int, _Step] = {}
        self._pending: list[Cut] = []
        self._pending_bytes = 0
        self._outbox = Outbox(attempt)
        self._tail = TailPublisher(build_id, redis)
        self._store_retry_at, self._store_backoff_s = 0.0, STORE_BACKOFF_S[0]
        self._last_tick = 0.0
        self._epoch_s = time.time() - time.monotonic()  # times of lines never go back, whatever is done to the clock
        self._changed = threading.Condition()
        self._notified = self._awaited = self._closing = self._abandoned = False
        self._fault: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=f"log-{build_id}.{attempt}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    # What the build calls ---------------------------------------------------------------------------------------

    def write(self, step: int, data: bytes) -> None:
        """Append raw bytes to a step's log."""
        with self._changed:
            self._wait_for_room()
            self.bytes_seen += len(data)
            state = self._step(step)
            self._append(state, state.redacting.feed(data))
            self._notify()

    def event(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Tell viewers of something, after all bytes written before it."""
        with self._changed:
            self._outbox.add_event(kind, payload)
            self._notify()

    def finish_step(self, step: int) -> Totals:
        """Nothing more is expected of `step`. A second call changes nothing."""
        with self._changed:
            state = self._step(step)
            self._finish(state)
            self._notify()
            return Totals(state.end.line, state.end.offset)

    def totals(self) -> dict[int, Totals]:
        """Lines that have ended and bytes, by step."""
        with self._changed:
            return {number: Totals(step.end.line, step.end.offset) for number, step in self._steps.items()}

    @property
    def clipped(self) -> str:
        """Why the log is not whole, in words; empty when it is."""
        if not self._dropped_bytes:
            return ""
        return f"The log is longer than {_mib(self._cap_bytes)}; {self._dropped_bytes:,} bytes were not kept."

    def flush(self, timeout_s: float = PATIENCE_S) -> None:
        """Seal and store what was written so far. Raises `StoreUnavailable` when that cannot be done in time."""
        with self._changed:
            for step in self._steps.values():
                while len(step.cutter):
                    self._queue(step, step.cutter.seal())
            self._awaited = True
            self._notify()
            done = self._changed.wait_for(lambda: not self._pending or self._fault, timeout_s)
            self._raise_fault()
        if not done:
            raise StoreUnavailable("The database did not take the log in time.")

    def close(self, timeout_s: float = PATIENCE_S) -> None:
        """Finish every step and store everything. Raises `StoreUnavailable`; a second call does nothing."""
        with self._changed:
            for step in self._steps.values():
                self._finish(step)
            self._closing = self._awaited = True
            self._notify()
        self._thread.join(timeout_s)
        self._raise_fault()
        if self._thread.is_alive():
            self._abandoned = True
            raise StoreUnavailable("The database did not take the log in time.")

    # Bookkeeping, under the lock --------------------------------------------------------------------------------

    def _step(self, number: int) -> _Step:
        step = self._steps.get(number)
        if step is None:
            step = self._steps[number] = _Step(number, self._redactor)
        return step

    def _append(self, step: _Step, data: bytes) -> None:
        room = self._cap_bytes - self._kept_bytes
        if len(data) > room:
            self._dropped_bytes += len(data) - room
            data = data[:room]
            self._kept_bytes += len(data)
            if not step.clipped:
                step.clipped = True
                start_of_line = b"\n" if step.end.after(data).midline else b""
                notice = (
                    f"[Imageyard: the log is cut here, as it reached {_mib(self._cap_bytes)}. The build goes on.]\n"
                )
                data += start_of_line + notice.encode()
        else:
            self._kept_bytes += len(data)
        if not data or self.fenced:
            return
        start, step.end = step.end, step.end.after(data)
        marks: tuple[Mark, ...] = ()
        if start.next_line < step.end.next_line:
            marks = ((start.next_line, int((self._epoch_s + time.monotonic()) * 1000)),)
            step.cutter.note(marks)
        if not self._tail.down:
            self._outbox.add_bytes(step.cutter.step, start, data, marks)
        self._queue(step, step.cutter.feed(data))

    def _queue(self, step: _Step, cuts: list[Cut]) -> None:
        self._pending += cuts
        self._pending_bytes += sum(len(cut.data) for cut in cuts)
        if not len(step.cutter):
            step.waiting_since = None
        elif cuts or step.waiting_since is None:
            step.waiting_since = time.monotonic()

    def _finish(self, step: _Step) -> None:
        self._append(step, step.redacting.flush())
        cuts = step.cutter.finish()
        if cuts and not self.fenced:
            self._outbox.add_bytes(step.cutter.step, step.end, b"", finishes=True)
            step.end = step.cutter.start
            self._queue(step, cuts)

    def _wait_for_room(self) -> None:
        self._raise_fault()
        if self._pending_bytes <= PENDING_BYTES:
            return
        self._notify()
        if not self._changed.wait_for(lambda: self._pending_bytes <= PENDING_BYTES or self._fault, PATIENCE_S):
            raise StoreUnavailable("The database does not take the log.")
        self._raise_fault()

    def _notify(self) -> None:
        if not self._notified:
            self._notified = True
            self._changed.notify_all()

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise self._fault

    # The thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._wait_for_work():
                self._store_pending()
                self._publish()
            self._tail.finish({number: step.stored for number, step in self._steps.items()})
        except Exception as error:  # the edge of the thread: whoever writes next hears of it
            log.exception("log writer failed", build=self.build_id, attempt=self.attempt)
            with self._changed:
                self._fault = error
                self._changed.notify_all()
        finally:
            self._store.disconnect()

    def _wait_for_work(self) -> bool:
        """Sleep until something is due; false when everything is done."""
        with self._changed:
            while True:
                told = not self._outbox or self._tail.down
                if self._abandoned or (self._closing and told and not self._pending):
                    return False
                now = time.monotonic()
                due = self._due_at()
                if due <= now:
                    break
                self._notified = False
                self._changed.wait(min(due - now, 3600))
            self._notified = True  # nobody needs to wake a thread that is awake
            self._awaited = False
            self._last_tick = now
            for step in self._steps.values():
                if step.waiting_since is not None and step.waiting_since + SEAL_AFTER_S <= now:
                    self._queue(step, step.cutter.seal())
            return True

    def _due_at(self) -> float:
        next_tick = 0.0 if self._awaited else self._last_tick + self._tick_s()
        due = [step.waiting_since + SEAL_AFTER_S for step in self._steps.values() if step.waiting_since is not None]
        if self._pending:
            due.append(max(next_tick, self._store_retry_at))
        if self._outbox or (self._tail.down and self._steps):
            due.append(max(next_tick, self._tail.retry_at))
        return min(due, default=float("inf"))

    def _tick_s(self) -> float:
        if self._outbox.is_flood and self._pending_bytes < PENDING_BYTES / 2:
            return FLOOD_TICK_S
        return TICK_S

    def _store_pending(self) -> None:
        with self._changed:
            cuts = list(self._pending)
        if not cuts or time.monotonic() < self._store_retry_at:
            return
        try:
            if not self.fenced:
                self._store.insert(self.build_id, self.attempt, [cut.frame() for cut in cuts])
        except StoreUnavailable as error:
            log.warning("log frames wait for the database", build=self.build_id, frames=len(cuts), error=str(error))
            self._store_retry_at = time.monotonic() + self._store_backoff_s
            self._store_backoff_s = min(self._store_backoff_s * 2, STORE_BACKOFF_S[1])
            return
        except StoreClosed:
            self.fenced = True
        self._store_backoff_s = STORE_BACKOFF_S[0]
        with self._changed:
            del self._pending[: len(cuts)]
            self._pending_bytes -= sum(len(cut.data) for cut in cuts)
            for cut in cuts:
                self._steps[cut.step].stored = cut.end
            self._changed.notify_all()

    def _publish(self) -> None:
        with self._changed:
            stored = {number: step.stored for number, step in self._steps.items()}
            if not self._tail.is_due() or self.fenced:
                self._outbox.drop_bytes()
                return
            if self._tail.down:
                self._resume_tail()
            entries = self._outbox.take(stored)
        if not self._tail.publish(entries, stored):
            with self._changed:
                self._outbox.put_back_events(entries)

    def _resume_tail(self) -> None:
        """Redis is tried again and may have forgotten everything: show it all that is not stored."""
        self._tail.down = False  # what is written while it is tried goes to the outbox again
        self._outbox.drop_bytes()
        for cut in self._pending:
            self._outbox.add_bytes(cut.step, cut.start, cut.data, cut.marks)
        for number, step in self._steps.items():
            finished = step.cutter.start == step.end and not step.end.midline
            cutter = step.cutter
            self._outbox.add_bytes(number, cutter.start, cutter.pending, cutter.pending_marks, finishes=finished)


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 1024 / 1024:,.0f} MiB"
