"""A Dockerfile, line by line, with what the build made of it: time, cache, layer, warnings, the fault. Pure.

Which lines a step stands on comes from the build's provenance. Where there is none (a build that failed, one that was
pushed for several platforms) `dockerfile_words` finds what can be found. Nothing here knows what a Dockerfile means.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from builds.core.progress_events import StepName, parse_step_name

Outcome = Literal["cached", "ran", "failed", "running", "cut off", "not reached", "not yet"]


@dataclass(frozen=True, slots=True)
class StepFacts:
    """A step of the build. `lines` are all its Dockerfile lines, from 1; `seconds` is None before it began."""

    index: int
    name: str
    outcome: Outcome
    seconds: float | None = None
    layer_bytes: int | None = None
    lines: tuple[int, ...] = ()
    log_lines: int = 0

    @property
    def label(self) -> StepName:
        return parse_step_name(self.name)


@dataclass(frozen=True, slots=True)
class Finding:
    """A warning of BuildKit's checks; `url` explains its rule."""

    message: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring lines that the same steps stand on: an instruction, for every platform and stage that it is for.

    `first` and `last` count from 1. `is_again` marks further lines of steps that are told of above: a base image that
    two lines name.
    """

    first: int
    last: int
    steps: tuple[StepFacts, ...]
    is_again: bool = False

    @property
    def seconds(self) -> float | None:
        """The time of all its steps together; None where none began."""
        known = [step.seconds for step in self.steps if step.seconds is not None]
        return sum(known) if known and not self.is_again else None

    @property
    def layer_bytes(self) -> int | None:
        known = [step.layer_bytes for step in self.steps if step.layer_bytes is not None]
        return sum(known) if known and not self.is_again else None

    @property
    def outcome(self) -> str:
        """One word for all of them: the worst counts; "partly cached" where some ran."""
        outcomes = {step.outcome for step in self.steps}
        for worst in ("failed", "running", "cut off"):
            if worst in outcomes:
                return worst
        if len(outcomes) == 1:
            return next(iter(outcomes))
        done = outcomes & {"cached", "ran"}
        return "partly cached" if len(done) > 1 else next(iter(done or outcomes))

    @property
    def main(self) -> StepFacts:
        """The step whose log its line leads to: the failing one, else the one that printed most."""
        return max(self.steps, key=lambda step: (step.outcome == "failed", step.log_lines, -step.index))


@dataclass(frozen=True, slots=True)
class Line:
    """`number` counts from 1. `block` is the instruction that it is a part of, None for lines that made no step.

    `is_guilty` are the lines on which the build failed, `tells_fault` the last of them.
    """

    number: int
    text: str
    block: Block | None = None
    findings: tuple[Finding, ...] = ()
    is_guilty: bool = False
    tells_fault: bool = False

    @property
    def place(self) -> str:
        """Where in its block: first, middle, last, only; "" outside of one."""
        block = self.block
        if block is None:
            return ""
        if block.first == block.last:
            return "only"
        return "first" if self.number == block.first else "last" if self.number == block.last else "middle"

    @property
    def is_first(self) -> bool:
        return self.place in ("first", "only")


@dataclass(frozen=True, slots=True)
class StageTotal:
    """A stage of the Dockerfile: `name` is "" for the only one and for one without a name."""

    name: str
    seconds: float
    steps: int
    cached: int
    layer_bytes: int | None


@dataclass(frozen=True, slots=True)
class Annotated:
    """`placed` of `steps` steps stand on lines. `elsewhere` are warnings without a place in this file."""

    lines: tuple[Line, ...]
    stages: tuple[StageTotal, ...]
    platforms: tuple[str, ...]
    platform: str
    placed: int
    steps: int
    elsewhere: tuple[Finding, ...] = ()
    unplaced: tuple[StepFacts, ...] = field(default=())

    @property
    def seconds(self) -> float:
        return sum(stage.seconds for stage in self.stages)

    @property
    def layer_bytes(self) -> int | None:
        known = [stage.layer_bytes for stage in self.stages if stage.layer_bytes is not None]
        return sum(known) if known else None

    @property
    def longest_s(self) -> float:
        """The time of the longest instruction, for the bars of all."""
        return max((line.block.seconds or 0.0 for line in self.lines if line.block and line.is_first), default=0.0)


def annotate(
    text: str,
    steps: Sequence[StepFacts],
    *,
    findings: Mapping[int | None, Sequence[Finding]] | None = None,
    guilty_line: int | None = None,
    guilty_step: str = "",
    platform: str = "",
) -> Annotated:
    """Put steps and findings on their lines.

    `findings` are by line, None for those without one. `guilty_line` is where the build failed and `guilty_step` the
    name of the step that did, for where it has no lines of its own. `platform` leaves out the steps of the others.
    """
    rows = text.splitlines()
    ours = [step for step in steps if step.label.role == "step"]
    platforms = tuple(dict.fromkeys(step.label.platform for step in ours if step.label.platform))
    chosen = platform if platform in platforms else ""
    shown = [step for step in ours if not chosen or step.label.platform in ("", chosen)]
    if guilty_line is not None:
        shown = [_placed(step, guilty_line) if step.name == guilty_step else step for step in shown]
    blocks = _blocks(shown, len(rows))
    by_line = {number: block for block in blocks for number in range(block.first, block.last + 1)}
    guilty = by_line.get(guilty_line or 0)
    begin, end = (guilty.first, guilty.last) if guilty else (guilty_line or 0, guilty_line or 0)
    found = findings or {}
    lines = tuple(
        Line(number, row, by_line.get(number), tuple(found.get(number, ())), begin <= number <= end, number == end)
        for number, row in enumerate(rows, 1)
    )
    beyond = [one for number, some in found.items() if number is None or number > len(rows) for one in some]
    on_lines = {step.index for block in blocks for step in block.steps}
    return Annotated(
        lines=lines,
        stages=tuple(_stages(shown)),
        platforms=platforms,
        platform=chosen,
        placed=sum(step.index in on_lines for step in shown),
        steps=len(shown),
        elsewhere=tuple(beyond),
        unplaced=tuple(step for step in shown if step.index not in on_lines),
    )


def _placed(step: StepFacts, line: int) -> StepFacts:
    if step.lines:
        return step
    return StepFacts(step.index, step.name, step.outcome, step.seconds, step.layer_bytes, (line,), step.log_lines)


def _runs(lines: Iterable[int], most: int) -> list[tuple[int, int]]:
    """Neighbouring lines as (first, last), in order; what is beyond the file's end is left out."""
    runs: list[tuple[int, int]] = []
    for line in sorted({line for line in lines if 1 <= line <= most}):
        if runs and line == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], line)
        else:
            runs.append((line, line))
    return runs


def _blocks(steps: Sequence[StepFacts], most: int) -> list[Block]:
    """Steps by the line that they begin on. Blocks never overlap: a line belongs to the first that has it."""
    homes: dict[int, list[StepFacts]] = {}
    again: dict[int, list[StepFacts]] = {}
    ends: dict[int, int] = {}
    for step in steps:
        for place, (first, last) in enumerate(_runs(step.lines, most)):
            (again if place else homes).setdefault(first, []).append(step)
            ends[first] = max(last, ends.get(first, last))
    blocks: list[Block] = []
    reached = 0
    for first in sorted(ends):
        if first <= reached:
            continue
        here = homes.get(first, [])
        blocks.append(Block(first, ends[first], tuple(here or again[first]), is_again=not here))
        reached = ends[first]
    return blocks


def _stages(steps: Sequence[StepFacts]) -> Iterable[StageTotal]:
    """In the order of first appearance."""
    by_stage: dict[str, list[StepFacts]] = {}
    for step in steps:
        by_stage.setdefault(step.label.stage, []).append(step)
    for name, some in by_stage.items():
        sizes = [step.layer_bytes for step in some if step.layer_bytes is not None]
        # FROM reads an image and runs nothing: it would make every hit rate better than it is.
        own = [step for step in some if not step.label.instruction.startswith("FROM ")]
        yield StageTotal(
            name=name,
            seconds=sum(step.seconds or 0.0 for step in some),
            steps=len(own),
            cached=sum(step.outcome == "cached" for step in own),
            layer_bytes=sum(sizes) if sizes else None,
        )
