"""A step as a timeline reads it: its times, what it takes, and which class of work it is. Lays nothing out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from builds.core.progress_events import StepName

Work = Literal["imageyard", "transfer", "pull", "file", "exec", "export"]
Interval = tuple[float, float | None]

_SOURCES = ("[internal] load metadata", "resolve image config", "importing cache", "[auth]")
_OF_OPERATION: dict[str, Work] = {"exec": "exec", "file": "file", "merge": "file", "diff": "file"}
_RUNS = ("RUN", "HEALTHCHECK")


class Part(NamedTuple):
    """A part of a step: bytes so far and in all (0 where unknown), its times in seconds since 1970."""

    id: str
    current: int
    total: int
    begin: float | None = None
    end: float | None = None

    @property
    def seconds(self) -> float:
        return max(self.end - self.begin, 0.0) if self.begin is not None and self.end is not None else 0.0


@dataclass(frozen=True, slots=True)
class TimedStep:
    """What is read of one step: a row of `builds.models.Step`, with times in seconds since 1970.

    `vertex` is "" for a step of Imageyard's own. `inputs` are indexes.
    """

    index: int
    name: str
    state: str
    vertex: str = ""
    internal: bool = False
    cached: bool = False
    operation: str = ""
    fingerprint: str = ""
    intervals: tuple[Interval, ...] = ()
    inputs: tuple[int, ...] = ()
    transfers: tuple[Part, ...] = ()
    layer_bytes: int | None = None


def work_of(step: TimedStep, label: StepName) -> Work:
    """Which class of work a step is, as Docker Desktop sorts them. The operation is known once a build succeeded."""
    if not step.vertex:
        return "imageyard"
    if label.role in ("export", "push") or step.name.startswith("resolving provenance"):
        return "export"
    if label.internal:
        return "pull" if step.name.startswith(_SOURCES) else "transfer"
    if step.operation in _OF_OPERATION:
        return _OF_OPERATION[step.operation]
    word = label.instruction.partition(" ")[0].upper()
    return "pull" if word == "FROM" or step.operation == "source" else "exec" if word in _RUNS else "file"
