"""Listening to one run of buildx: its stderr becomes steps, log bytes and news. What a failure means is not here."""

from __future__ import annotations

import time
from collections.abc import Iterator

from builds.core import progress
from builds.core.progress import ProgressParser, StepBook, StepLog, StepProgress, StepState
from builds.models import Step
from builds.pipeline.logbook import Logbook

PROGRESS_EVERY_S = 0.2
_STATES = {
    StepState.PENDING: Step.State.PENDING,
    StepState.RUNNING: Step.State.RUNNING,
    StepState.SUCCEEDED: Step.State.SUCCEEDED,
    StepState.CACHED: Step.State.SUCCEEDED,
    StepState.FAILED: Step.State.FAILED,
    StepState.CANCELLED: Step.State.CANCELLED,
}


class BuildkitSteps:
    """Turns the stderr of one buildx into steps, log and news. `book` and `tail` tell afterwards what happened."""

    def __init__(self, logbook: Logbook) -> None:
        self.book = StepBook()
        self.offset = logbook.next_index
        self._logbook = logbook
        self._parser = ProgressParser()
        self._told: dict[tuple[str, str], float] = {}

    @property
    def tail(self) -> list[str]:
        """The plain-text lines of stderr."""
        return self._parser.tail

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of stderr."""
        self._take(self._parser.feed(chunk))

    def close(self) -> None:
        """The stream ended. A step that never said how it ended was cut off with it."""
        self._take(self._parser.close())
        self._save(dict.fromkeys(self.book.close()))

    def _take(self, events: list[progress.Event]) -> None:
        changed: dict[int, None] = {}
        for event in _joined(events):
            index = self.book.apply(event)
            if index is None:
                continue
            if isinstance(event, StepLog):
                # What is known of the step goes first, so that no viewer gets lines of a step it has not heard of.
                if index in changed or not self._logbook.has(index + self.offset):
                    changed[index] = None
                    self._save(changed)
                self._logbook.write(index + self.offset, event.data)
            elif isinstance(event, StepProgress):
                self._progress(index, event)
            elif not isinstance(event, progress.BuildWarning):
                changed[index] = None
        self._save(changed)

    def _progress(self, index: int, event: StepProgress) -> None:
        """How far a transfer is, at most five times a second for each, and its end."""
        key, now = (event.vertex, event.id), time.monotonic()
        if event.completed or now - self._told.get(key, 0.0) >= PROGRESS_EVERY_S:
            self._told[key] = now
            self._logbook.tell(
                "progress",
                {"step": index + self.offset, "id": event.id, "current": event.current, "total": event.total},
            )

    def _save(self, changed: dict[int, None]) -> None:
        rows = []
        steps = self.book.steps if changed else []
        for index in changed:
            step = steps[index]
            row = self._logbook.row(index + self.offset, step.name)
            row.vertex, row.internal, row.cached = step.vertex, step.internal, step.cached
            row.state, row.error = _STATES[step.state], step.error
            row.started_at, row.finished_at, row.duration_s = step.started_at, step.finished_at, step.duration_s
            if row.finished_at:
                self._logbook.finish(row)
            rows.append(row)
        changed.clear()
        if rows:
            self._logbook.save(rows)


def _joined(events: list[progress.Event]) -> Iterator[progress.Event]:
    """The same events, with what a step printed in one go as one event: a flood comes in thousands of pieces."""
    last: StepLog | None = None
    parts: list[bytes] = []
    for event in events:
        if isinstance(event, StepLog):
            if last is not None and (last.vertex, last.stream) == (event.vertex, event.stream):
                parts.append(event.data)
                continue
            if last is not None:
                yield last._replace(data=b"".join(parts))
            last, parts = event, [event.data]
            continue
        if last is not None:
            yield last._replace(data=b"".join(parts))
            last = None
        yield event
    if last is not None:
        yield last._replace(data=b"".join(parts))
