"""Listening to one run of buildx: its stderr becomes steps, log bytes and news. What a failure means is not here."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Protocol

from builds.core import progress
from builds.core.progress import ProgressParser, StepBook, StepLog, StepProgress, StepState
from builds.models import Step
from builds.pipeline.logbook import Logbook

PROGRESS_EVERY_S = 0.2
# BuildKit util/push/push.go; written by engines whose store is containerd's, and by BuildKit itself.
_PUSHED = re.compile(r"pushing manifest for \S+@(?P<digest>sha256:[0-9a-f]{64})")
_STATES = {
    StepState.PENDING: Step.State.PENDING,
    StepState.RUNNING: Step.State.RUNNING,
    StepState.SUCCEEDED: Step.State.SUCCEEDED,
    StepState.CACHED: Step.State.SUCCEEDED,
    StepState.FAILED: Step.State.FAILED,
    StepState.CANCELLED: Step.State.CANCELLED,
}


class Milestones(Protocol):
    """Who wants to know how far buildx is, while it still runs. What these raise ends it."""

    def exporting(self) -> None:
        """All steps are done; the image is made and pushed now."""

    def pushed(self, digest: str) -> None:
        """The registry has all of the image. Not every engine says so."""


class BuildkitSteps:
    """Turns the stderr of one buildx into steps, log and news. `book` and `tail` tell afterwards what happened."""

    def __init__(self, logbook: Logbook, milestones: Milestones | None = None) -> None:
        self._milestones = milestones
        self.book = StepBook()
        self.offset = logbook.next_index
        self._logbook = logbook
        self._parser = ProgressParser()
        self._told: dict[tuple[str, str], float] = {}
        self._moved: dict[int, None] = {}  # steps whose transfers went on since their row was written

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
        self._save(dict.fromkeys(self.book.close()) | self._moved)

    def _take(self, events: list[progress.Event]) -> None:
        changed: dict[int, None] = {}
        try:
            self._go_through(events, changed)
        finally:  # a milestone may end the run; what is known of the steps is written down all the same
            self._save(changed)
        if self._milestones is not None and any(_starts_export(event) for event in events):
            self._milestones.exporting()

    def _go_through(self, events: list[progress.Event], changed: dict[int, None]) -> None:
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
                if self._milestones is not None and event.completed and (pushed := _PUSHED.fullmatch(event.id)):
                    self._milestones.pushed(pushed["digest"])
            elif not isinstance(event, progress.BuildWarning):
                changed[index] = None

    def _progress(self, index: int, event: StepProgress) -> None:
        """How far a transfer is, at most five times a second for each, and its end."""
        self._moved[index] = None
        key, now = (event.vertex, event.id), time.monotonic()
        if event.completed or now - self._told.get(key, 0.0) >= PROGRESS_EVERY_S:
            self._told[key] = now
            self._logbook.tell(
                "progress",
                {"step": index + self.offset, "id": event.id, "current": event.current, "total": event.total},
            )

    def _save(self, changed: dict[int, None]) -> None:
        rows = []
        for step in self.book.at(changed):
            self._moved.pop(step.index, None)
            row = self._logbook.row(step.index + self.offset, step.name)
            row.vertex, row.internal, row.cached = step.vertex, step.internal, step.cached
            row.state, row.error = _STATES[step.state], self._logbook.redactor.text(step.error)
            row.started_at, row.finished_at, row.duration_s = step.started_at, step.finished_at, step.duration_s
            row.inputs = [index + self.offset for index in step.inputs]
            row.intervals = list(step.intervals)
            row.transfers = [part._asdict() for part in step.transfers]
            if row.finished_at:
                self._logbook.finish(row)
            rows.append(row)
        changed.clear()
        if rows:
            self._logbook.save(rows)


def _starts_export(event: progress.Event) -> bool:
    return isinstance(event, progress.StepStarted) and event.name.startswith("exporting to image")


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
