"""What a running BuildKit build tells: the events, and how a name and a warning are read. The parser is `progress`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from builds.core.json_values import blob_text, dicts, items, number, table, text

Role = Literal["internal", "step", "export", "push", "other"]

# `[linux/amd64->arm64 build  2/12] RUN x`: platform and stage are optional, the number is padded with spaces
# (BuildKit frontend/dockerfile/dockerfile2llb/convert.go, prefixCommand).
_NUMBERED = re.compile(
    r"\[(?:(?P<platform>[^\s\]]+/[^\s\]]+) )?(?:(?P<stage>[^\s\]/]+) )?\s*(?P<number>\d{1,6})/(?P<total>\d{1,6})\] "
    r"(?P<instruction>.*)",
    re.DOTALL,
)
_INTERNAL = ("[internal]", "[auth]", "[context ", "resolving provenance", "resolve image config", "importing cache")


@dataclass(frozen=True, slots=True)
class StepName:
    """A vertex name taken apart.

    `role` is "step" for an instruction of the Dockerfile; only then `number` and `total` can be set (from 1, within
    the stage) and `instruction` is the name without its bracket. `stage` is "" in a Dockerfile with one stage; a
    `FROM` that several stages share has no stage and no number.
    """

    role: Role
    instruction: str
    platform: str = ""
    stage: str = ""
    number: int | None = None
    total: int | None = None

    @property
    def internal(self) -> bool:
        """Whether BuildKit did this for itself (load the Dockerfile, fetch a token) and no instruction asked for it."""
        return self.role == "internal"


def parse_step_name(name: str) -> StepName:
    """Take a vertex name apart; a name of an unknown shape has the role "other" and is its own instruction."""
    if name.startswith(_INTERNAL):
        return StepName("internal", name)
    if name.startswith("exporting "):
        return StepName("export", name)
    if name.startswith("pushing "):
        return StepName("push", name)
    match = _NUMBERED.match(name)
    if match is None:
        return StepName("step" if name.startswith("FROM ") else "other", name)
    return StepName(
        "step",
        match["instruction"],
        match["platform"] or "",
        match["stage"] or "",
        int(match["number"]),
        int(match["total"]),
    )


@dataclass(frozen=True, slots=True)
class StepAnnounced:
    """A step that BuildKit will perhaps run; always the first event of a vertex, inputs before what needs them."""

    vertex: str
    name: str
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepStarted:
    """An interval of a step begins. One step may have several: a cache query, then the real work."""

    vertex: str
    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StepFinished:
    """An interval of a step ended. `started_at` names the interval; None if BuildKit never told a start.

    `error` is BuildKit's own text, "" when there was none.
    """

    vertex: str
    started_at: datetime | None
    at: datetime
    cached: bool
    error: str


class StepLog(NamedTuple):
    """Raw bytes a step printed: any part of a line, of a character, of an escape code. Stream 1 is stdout, 2 stderr.

    A NamedTuple because a build that prints a million lines makes thousands of these.
    """

    vertex: str
    stream: int
    data: bytes


@dataclass(frozen=True, slots=True)
class StepProgress:
    """How far a part of a step is: "transferring context:", "pushing layers", "sha256:…". Bytes, or 0 where unknown.

    `id` is unique within its step only. `total` is 0 when BuildKit does not know it. The times are BuildKit's.
    """

    vertex: str
    id: str
    current: int
    total: int
    completed: bool
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BuildWarning:
    """A finding of BuildKit's Dockerfile checks. Lines count from 1; None when the finding has no place."""

    vertex: str
    level: int
    short: str
    detail: tuple[str, ...] = ()
    url: str = ""
    filename: str = ""
    first_line: int | None = None
    last_line: int | None = None


Event = StepAnnounced | StepStarted | StepFinished | StepLog | StepProgress | BuildWarning


def read_warning(warning: dict[str, Any]) -> BuildWarning:
    """One entry of `warnings` (and of `buildx.build.warnings` in the metadata file: the same shape)."""
    first_line, last_line = read_range(warning.get("range"))
    return BuildWarning(
        vertex=text(warning.get("vertex")),
        level=number(warning.get("level")),
        short=blob_text(warning.get("short")),
        detail=tuple(blob_text(part) for part in items(warning.get("detail"))),
        url=text(warning.get("url")),
        filename=text(table(warning.get("sourceInfo")).get("filename")),
        first_line=first_line,
        last_line=last_line,
    )


def read_range(ranges: Any) -> tuple[int | None, int | None]:
    """First and last line of BuildKit's `[{"start": {"line": 3}, "end": {"line": 4}}]`; None where there is none."""
    starts = [number(table(place.get("start")).get("line")) for place in dicts(ranges)]
    ends = [number(table(place.get("end")).get("line")) for place in dicts(ranges)]
    first = min(filter(None, starts), default=None)
    return first, max(filter(None, [*starts, *ends]), default=None)
