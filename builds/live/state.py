"""What the viewers of a build know, and the messages that change it. Pure: entries go in, messages come out."""

from __future__ import annotations

import re
import secrets
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from builds.core.linetimes import Mark, covering, merged
from builds.live.lines import TAIL_LINES, StepLines
from builds.logs.cutter import Position
from builds.logs.stream import Piece
from lib.humanize import format_size

_NUMBER = re.compile(r"[0-9]{1,18}")
RING_MESSAGES = 2000
RING_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Message:
    """One message, encoded once for all viewers. A viewer that is late gets only the last of each `key`."""

    number: int
    text: str
    key: tuple[str, object]
    step: int = -1
    lines: int = 0  # of a log message: how many the step has now


@dataclass(frozen=True)
class BuildFacts:
    """What the database says of a build: `fields` and `steps` as they stand in a snapshot."""

    attempt: int
    is_final: bool
    fields: Mapping[str, Any]  # state, sentence, …
    steps: Sequence[Mapping[str, Any]]  # of this attempt, each with its index


@dataclass
class _Step:
    fields: dict[str, Any]
    log: StepLines = field(default_factory=StepLines)
    marks: tuple[Mark, ...] = ()  # when its newest lines began

    @property
    def is_running(self) -> bool:
        return self.fields.get("state") == "running"

    def mark(self, marks: Sequence[Mark]) -> None:
        """Take when lines began, and forget what is behind the lines that a snapshot tells of."""
        kept = merged((self.marks, marks))
        self.marks = covering(kept, max(0, self.log.known.line - TAIL_LINES), self.log.known.line + 2)

    def times(self, first: int, count: int) -> dict[str, Any]:
        """`{times: [[line, milliseconds], …]}` of `count` lines, or nothing where that is not known."""
        marks = covering(self.marks, first, first + count)
        return {"times": marks} if marks else {}


class LiveState:
    """The state of one build as its viewers have it. Every method returns the messages that it makes, in order.

    A cursor is `<name of this state>.<number of the message>`; it means nothing to another process.
    """

    def __init__(self, build_id: int) -> None:
        self.build_id = build_id
        self.attempt = 0
        self.fields: dict[str, Any] = {}
        self._steps: dict[int, _Step] = {}
        self._name = secrets.token_hex(4)
        self._number = 0
        self._ring: deque[Message] = deque()
        self._ring_bytes = 0

    # What it knows ----------------------------------------------------------------------------------------------

    @property
    def cursor(self) -> str:
        return f"{self._name}.{self._number}"

    def known(self, step: int) -> Position:
        """Where the bytes of a step end that the viewers were told of."""
        return self._steps[step].log.known if step in self._steps else Position()

    def snapshot(self) -> list[Message]:
        """Everything, for a viewer that comes now: the snapshot, and the unfinished lines behind it."""
        steps = []
        for index, step in sorted(self._steps.items()):
            shown = {**step.fields, "index": index, "lines": step.log.known.line}
            if step.is_running:
                tail = step.log.tail()
                shown["tail"] = {**tail, **step.times(tail["first_line"], len(tail["lines"]))}
            steps.append(shown)
        content = {"type": "snapshot", "id": self.build_id, "attempt": self.attempt, **self.fields, "steps": steps}
        messages = [self._encode(content, ("snapshot", 0))]
        for index, step in sorted(self._steps.items()):
            text = step.log.partial_text if step.is_running else ""
            if text:
                content = {"type": "partial", "step": index, "line": step.log.known.line, "text": text}
                messages.append(self._encode(content, ("partial", index)))
        return messages

    def since(self, cursor: str) -> list[Message] | None:
        """The messages after `cursor`, or nothing when it is not known here (any more)."""
        name, _, number = cursor.partition(".")
        if name != self._name or not _NUMBER.fullmatch(number) or int(number) > self._number:
            return None
        first = self._ring[0].number if self._ring else self._number + 1
        if int(number) + 1 < first:
            return None
        return [message for message in self._ring if message.number > int(number)]

    # What happens -----------------------------------------------------------------------------------------------

    def begin(self, facts: BuildFacts) -> None:
        """Start anew with what the database says; viewers then need a snapshot, and old cursors are void."""
        self._steps = {}
        self._ring.clear()
        self._ring_bytes = 0
        self._number += 1  # no cursor of before is resumed across it
        self.attempt, self.fields = facts.attempt, dict(facts.fields)
        for fields in facts.steps:
            self._step(fields["index"]).fields.update(fields)

    def facts(self, facts: BuildFacts) -> list[Message]:
        """What the database says now, of the same attempt."""
        messages = [message for fields in facts.steps for message in self.step(fields)]
        if dict(facts.fields) != self.fields:
            self.fields = dict(facts.fields)
            messages.append(self._say({"type": "state", "attempt": self.attempt, **self.fields}, ("state", 0)))
        return messages

    def step(self, fields: Mapping[str, Any]) -> list[Message]:
        """A step as it is now: `index`, `name`, `state`, … Nothing is said when viewers know that."""
        step = self._step(fields["index"])
        news = {key: value for key, value in fields.items() if key != "lines"}
        if news.items() <= step.fields.items():
            return []
        step.fields.update(news)
        lines = max(step.log.known.line, fields.get("lines") or 0)
        return [self._say({"type": "step", **step.fields, "lines": lines}, ("step", fields["index"]))]

    def progress(self, payload: Mapping[str, Any]) -> list[Message]:
        """How far a transfer is: `step`, `id`, `current`, `total`, in bytes."""
        current, total = payload.get("current") or 0, payload.get("total") or 0
        text = f"{payload.get('id')} {format_size(current)}" + (f" of {format_size(total)}" if total else "")
        key = ("progress", (payload.get("step"), payload.get("id")))
        return [self._say({"type": "progress", "text": text, **payload}, key)]

    def restart(self, step: int, end: Position, data: bytes, marks: Sequence[Mark] = ()) -> list[Message]:
        """Go on at `end` without the lines before it; `data` are the last bytes there, `marks` when they began."""
        log = self._step(step).log
        grown = end.line > log.known.line
        log.restart(end, data)
        self._step(step).mark(marks)
        return [self._more(step)] if grown else []

    def log(self, piece: Piece) -> list[Message]:
        """The next bytes of a step. What is known already is left out; a gap is said to be one."""
        here = self._step(piece.step)
        log = here.log
        messages = []
        if piece.start.offset > log.known.offset:
            messages += self.restart(piece.step, piece.start, b"")
        before = log.known.line
        chunks = log.feed(piece.data[log.known.offset - piece.start.offset :], finishes=piece.finishes)
        here.marks = merged((here.marks, piece.marks))
        for first_line, lines, truncated in chunks:
            content: dict[str, Any] = {"type": "log", "step": piece.step, "first_line": first_line, "lines": lines}
            content |= here.times(first_line, len(lines))
            if truncated:
                content["truncated"] = True
            messages.append(self._say(content, ("log", piece.step), piece.step, first_line + len(lines)))
            before = first_line + len(lines)
        here.mark(())
        if log.known.line > before:  # the end of a line whose beginning is not known here
            messages.append(self._more(piece.step))
        if log.partial_changed():
            content = {"type": "partial", "step": piece.step, "line": log.known.line, "text": log.partial_text}
            messages.append(self._say(content, ("partial", piece.step)))
        return messages

    def end(self) -> list[Message]:
        """The build is over: every step's final line count."""
        steps = [{"index": index, "lines": step.log.known.line} for index, step in sorted(self._steps.items())]
        return [self._say({"type": "end", **self.fields, "attempt": self.attempt, "steps": steps}, ("end", 0))]

    def ping(self) -> Message:
        """A sign of life; it changes nothing and is not repeated to anybody."""
        return self._encode({"type": "ping"}, ("ping", 0))

    def more(self, message: Message) -> str:
        """What a viewer hears in place of log messages up to `message` that it was too slow for."""
        content = {"type": "more", "step": message.step, "lines": message.lines}
        return orjson.dumps({**content, "cursor": f"{self._name}.{message.number}"}).decode()

    def running_steps(self) -> Iterable[int]:
        """The steps whose newest lines belong into a snapshot."""
        return [index for index, step in self._steps.items() if step.is_running]

    # Bookkeeping ------------------------------------------------------------------------------------------------

    def _step(self, index: int) -> _Step:
        step = self._steps.get(index)
        if step is None:
            # Its row may come later than its first line.
            step = self._steps[index] = _Step({"index": index, "name": "", "state": "running"})
        return step

    def _more(self, step: int) -> Message:
        lines = self._steps[step].log.known.line
        return self._say({"type": "more", "step": step, "lines": lines}, ("log", step), step, lines)

    def _say(self, content: dict[str, Any], key: tuple[str, object], step: int = -1, lines: int = 0) -> Message:
        self._number += 1
        message = self._encode(content, key, step, lines)
        self._ring.append(message)
        self._ring_bytes += len(message.text)
        while len(self._ring) > RING_MESSAGES or self._ring_bytes > RING_BYTES:
            self._ring_bytes -= len(self._ring.popleft().text)
        return message

    def _encode(self, content: dict[str, Any], key: tuple[str, object], step: int = -1, lines: int = 0) -> Message:
        text = orjson.dumps({**content, "cursor": self.cursor}, default=str).decode()
        return Message(self._number, text, key, step, lines)
