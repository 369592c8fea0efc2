"""What the top of a failed build says: the fault, its step, and what that printed last.

Pure: the record is written by builds.pipeline.failures and shown by builds.views.failure; what to try is
`advice`'s, and which failures are alike `failure_alike`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from builds.core.ansi import plain_line
from builds.core.errors import ErrorKind
from builds.core.failure_alike import failure_key, telling_line
from builds.core.json_values import number, table, text
from builds.core.progress_events import parse_step_name
from lib.storable import storable

LAST_LINES = 20
# A line of the digest is read at a glance; the log has the rest of it.
LINE_CHARACTERS = 400

FAULTS: dict[str, str] = {
    ErrorKind.USER: "your build",
    ErrorKind.SOURCE: "source",
    ErrorKind.REGISTRY: "registry",
    ErrorKind.BUILDER: "builder",
    ErrorKind.TIMEOUT: "timeout",
    ErrorKind.LIMIT: "limit",
    ErrorKind.PLATFORM: "Imageyard",
}
"""Whose fault it is, in the words of the pages."""


@dataclass(frozen=True, slots=True)
class LastLine:
    """A line that the failing step printed, as it printed it: with colours, without secrets. Numbers count from 1."""

    number: int
    text: str

    @property
    def plain(self) -> str:
        return plain_line(self.text)


@dataclass(frozen=True, slots=True)
class FailureDigest:
    """One fault of one attempt. `kind` and `message` are those of the `BuildError`, `step` is the failing step's name.

    `step_index` is its place among the attempt's steps and `log_index` that of the step that `lines` are of: the
    builder's last words where the step itself said nothing. None where there is none. `dockerfile_line` counts from 1.
    `silent_s` is for how long the step had printed nothing when it ended, None where nobody measured it, and `step_s`
    how long it took.
    """

    kind: str
    message: str
    step: str = ""
    step_index: int | None = None
    dockerfile_line: int | None = None
    attempt: int = 1
    log_index: int | None = None
    lines: tuple[LastLine, ...] = ()
    lines_total: int = 0
    silent_s: float | None = None
    step_s: float | None = None

    @property
    def fault(self) -> str:
        """Whose fault it is; "" for a kind of another version."""
        return FAULTS.get(self.kind, "")

    @property
    def is_out_of_memory(self) -> bool:
        return self.kind == ErrorKind.LIMIT and "was killed" in self.message

    @property
    def output(self) -> str:
        """What the step printed last, without colours."""
        return "\n".join(line.plain for line in self.lines)

    @property
    def instruction(self) -> str:
        """The step without BuildKit's bracket: `RUN npm ci`."""
        return parse_step_name(self.step).instruction if self.step else ""

    @property
    def key(self) -> str:
        return failure_key(self.kind, self.step, self.message, telling_line([line.plain for line in self.lines]))

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def read_digest(document: Any) -> FailureDigest | None:
    """What `as_json` gave; None for an empty record, and for one that is none."""
    found = table(document)
    if not text(found.get("kind")):
        return None
    rows = found.get("lines")
    lines = [table(row) for row in rows] if isinstance(rows, list | tuple) else []
    silent, took = found.get("silent_s"), found.get("step_s")
    return FailureDigest(
        kind=text(found["kind"]),
        message=text(found.get("message")),
        step=text(found.get("step")),
        step_index=_optional(found.get("step_index")),
        dockerfile_line=_optional(found.get("dockerfile_line")),
        attempt=number(found.get("attempt")),
        log_index=_optional(found.get("log_index")),
        lines=tuple(LastLine(number(line.get("number")), text(line.get("text"))) for line in lines),
        lines_total=number(found.get("lines_total")),
        silent_s=float(silent) if isinstance(silent, int | float) else None,
        step_s=float(took) if isinstance(took, int | float) else None,
    )


def _optional(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def last_lines(lines: Sequence[str], first_line: int) -> tuple[LastLine, ...]:
    """The last that are worth reading of these, the first of which has the number `first_line` (from 0).

    Blank ones at the end are left out, and long ones are cut: without their colours then, which may be cut too.
    """
    kept = [LastLine(first_line + place, storable(_cut(line))) for place, line in enumerate(lines, 1)]
    while kept and not kept[-1].plain.strip():
        kept.pop()
    return tuple(kept[-LAST_LINES:])


def _cut(line: str) -> str:
    if len(line) <= LINE_CHARACTERS:
        return line
    plain = plain_line(line)
    return plain if len(plain) <= LINE_CHARACTERS else f"{plain[: LINE_CHARACTERS - 1]}…"
