"""From the stderr of `docker buildx build --progress=rawjson` to events. Starts no process and stores nothing.

The format is one JSON object a line (BuildKit client/graph.go, `SolveStatus`): `vertexes`, `statuses`, `logs` and
`warnings`, each absent when empty, with plain text between and after: the failing Dockerfile lines and `ERROR: …`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson

from builds.core.json_values import blob, dicts, moment, number, text, texts
from builds.core.progress_events import (
    BuildWarning,
    Event,
    StepAnnounced,
    StepFinished,
    StepLog,
    StepName,
    StepProgress,
    StepStarted,
    parse_step_name,
    read_warning,
)
from builds.core.progress_steps import Step, StepBook, StepState, Transfer
from lib.storable import storable

__all__ = [
    "BuildWarning",
    "Event",
    "ProgressParser",
    "Step",
    "StepAnnounced",
    "StepBook",
    "StepFinished",
    "StepLog",
    "StepName",
    "StepProgress",
    "StepStarted",
    "StepState",
    "Transfer",
    "parse_step_name",
    "read_warning",
]

# BuildKit splits log batches at about 1 MiB; a graph of thousands of steps or a big Dockerfile in every warning made
# lines of 390 KB. What is longer than this comes from something that is not BuildKit.
MAX_LINE_BYTES = 16 * 1024 * 1024
TAIL_LINES = 200
_LEFT_OUT = f"[a line longer than {MAX_LINE_BYTES // 1024**2} MiB was left out]"
_TAIL_LINE_BYTES = 16 * 1024
# BuildKit puts a step's end and its last words into one batch, and cuts a batch behind the log that passes 1 MiB
# (`SolveStatus.Marshal`): the end then comes in the first record, and the other words one by one in the next records.
_CUT_BATCH_BYTES = 1024 * 1024 - 64 * 1024
_KEYS = frozenset(("vertexes", "statuses", "logs", "warnings"))
_Interval = dict[datetime | None, tuple[datetime | None, bool, str]]


class ProgressParser:
    """Reads stderr in chunks of any size; the events do not depend on where the chunks were cut.

    Nothing raises on any bytes: what is not a progress record is plain text and stands in `tail`. A line longer than
    `MAX_LINE_BYTES` is dropped, counted in `dropped_bytes` and mentioned in `tail`.
    """

    def __init__(self) -> None:
        self.dropped_bytes = 0
        self._parts: list[bytes] = []
        self._size = 0
        self._overlong = False
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._names: dict[str, str] = {}
        self._intervals: dict[str, _Interval] = {}
        self._ended: list[StepFinished] = []  # ends that wait for the logs before them

    @property
    def tail(self) -> list[str]:
        """The last lines of plain text, oldest first, without line ends; very long ones lose their middle."""
        return list(self._tail)

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes; answer the events of every line that they complete, in order."""
        if b"\n" not in chunk:
            self._keep(chunk)
            return []
        first, *whole, rest = chunk.split(b"\n")
        events: list[Event] = []
        self._keep(first)
        self._end_line(events)
        for line in whole:
            self._line(line, events)
        self._keep(rest)
        return events

    def close(self) -> list[Event]:
        """The stream ended: a last line without a line end counts. Safe to call again."""
        events: list[Event] = []
        if self._size or self._overlong:
            self._end_line(events)
        self._end(self._ended, events)
        return events

    def _keep(self, part: bytes) -> None:
        if self._overlong:
            self.dropped_bytes += len(part)
        elif self._size + len(part) > MAX_LINE_BYTES:
            self._overlong = True
            self.dropped_bytes += self._size + len(part)
            self._parts.clear()
            self._size = 0
        elif part:
            self._parts.append(part)
            self._size += len(part)

    def _end_line(self, events: list[Event]) -> None:
        line = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        if self._overlong:
            self._overlong = False
            self._tail.append(_LEFT_OUT)
        else:
            self._line(line, events)

    def _line(self, line: bytes, events: list[Event]) -> None:
        if len(line) > MAX_LINE_BYTES:
            self.dropped_bytes += len(line)
            self._tail.append(_LEFT_OUT)
            return
        if line.startswith(b"{"):
            try:
                record = orjson.loads(line)
            except orjson.JSONDecodeError:
                record = None
            if isinstance(record, dict) and not _KEYS.isdisjoint(record):
                self._record(record, events)
                return
        self._plain(line)

    def _plain(self, line: bytes) -> None:
        line = line.rstrip(b"\r")
        if len(line) > _TAIL_LINE_BYTES:
            # An error text names the command first and what happened last: both ends matter.
            half = _TAIL_LINE_BYTES // 2
            line = line[:half] + " … ".encode() + line[-half:]
        if line:
            self._tail.append(storable(line.decode("utf-8", "replace")))

    def _record(self, record: dict[str, Any], events: list[Event]) -> None:
        said = {text(log.get("vertex")) for log in dicts(record.get("logs"))} if self._ended else set()
        is_new_batch = "vertexes" in record or "statuses" in record
        self._end([end for end in self._ended if is_new_batch or end.vertex not in said], events)
        if "vertexes" in record:
            vertexes = [vertex for vertex in dicts(record["vertexes"]) if text(vertex.get("digest"))]
            self._announce(vertexes, events)
            for vertex in vertexes:
                self._vertex(vertex, events)
        if "statuses" in record:
            events.extend(_progress(status) for status in dicts(record["statuses"]))
        log_bytes = self._logs(record["logs"], events) if "logs" in record else 0
        if is_new_batch and log_bytes < _CUT_BATCH_BYTES:
            self._end(self._ended, events)
        if "warnings" in record:
            events.extend(read_warning(warning) for warning in dicts(record["warnings"]))

    def _end(self, ends: list[StepFinished], events: list[Event]) -> None:
        if ends:
            events += ends
            self._ended = [end for end in self._ended if end not in ends]

    @staticmethod
    def _logs(logs: Any, events: list[Event]) -> int:
        size = 0
        for log in dicts(logs):
            data = blob(log.get("data"))
            size += len(data)
            events.append(StepLog(text(log.get("vertex")), number(log.get("stream")), data))
        return size

    def _announce(self, vertexes: list[dict[str, Any]], events: list[Event]) -> None:
        """New vertices, inputs first: BuildKit lists a graph from its result down, people read it the other way."""
        new: dict[str, dict[str, Any]] = {}
        for vertex in vertexes:
            digest = text(vertex["digest"])
            if digest not in self._names:
                new.setdefault(digest, vertex)
        for digest in _inputs_first({digest: texts(vertex.get("inputs")) for digest, vertex in new.items()}):
            self._names[digest] = text(new[digest].get("name"))
            events.append(StepAnnounced(digest, self._names[digest], texts(new[digest].get("inputs"))))

    def _vertex(self, vertex: dict[str, Any], events: list[Event]) -> None:
        """Tell only what is new: BuildKit repeats the whole vertex in every record."""
        digest = text(vertex["digest"])
        started, completed = moment(vertex.get("started")), moment(vertex.get("completed"))
        known = self._intervals.setdefault(digest, {})
        if started is not None and started not in known:
            known[started] = (None, False, "")
            self._end([end for end in self._ended if end.vertex == digest], events)
            events.append(StepStarted(digest, self._names[digest], started))
        if completed is None:
            return
        outcome = (completed, vertex.get("cached") is True, text(vertex.get("error")))
        if known.get(started) != outcome:
            known[started] = outcome
            self._ended.append(StepFinished(digest, started, *outcome))


def _progress(status: dict[str, Any]) -> StepProgress:
    return StepProgress(
        text(status.get("vertex")),
        text(status.get("id")),
        number(status.get("current")),
        number(status.get("total")),
        status.get("completed") is not None,
        moment(status.get("started")),
        moment(status.get("completed")),
    )


def _inputs_first(graph: dict[str, tuple[str, ...]]) -> Iterable[str]:
    """Depth first from the listed order, without recursion (a Dockerfile may have thousands of steps) and cycles."""
    done: set[str] = set()
    for root, first in graph.items():
        stack = [(root, iter(first))]
        open_: set[str] = {root}
        while root not in done:
            digest, inputs = stack[-1]
            below = next((name for name in inputs if name in graph and name not in done and name not in open_), None)
            if below is not None:
                open_.add(below)
                stack.append((below, iter(graph[below])))
                continue
            stack.pop()
            done.add(digest)
            yield digest
