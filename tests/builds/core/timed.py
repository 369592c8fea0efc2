"""Recorded builds as the timeline reads them, and steps in short. Not a test."""

from __future__ import annotations

from builds.core.progress import StepState
from builds.core.timeline import Part, TimedStep, Timeline, lay_out
from tests.builds.core.rawjson import book_of


def recorded_timeline(name: str, **options) -> Timeline:
    """The timeline of a recording of `tests/data/rawjson`."""
    return lay_out(recorded_steps(name), **options)


def recorded_steps(name: str) -> list[TimedStep]:
    return [
        TimedStep(
            index=step.index,
            name=step.name,
            state="succeeded" if step.state is StepState.CACHED else str(step.state),
            vertex=step.vertex,
            internal=step.internal,
            cached=step.cached,
            intervals=step.intervals,
            inputs=step.inputs,
            transfers=tuple(Part(*part) for part in step.transfers),
        )
        for step in book_of(name).steps
    ]


def timed(index: int, *spans: tuple[float, float | None], inputs=(), state="", **fields) -> TimedStep:
    """A step that worked in `spans`; it runs where the last of them has no end, and waits where there is none."""
    state = state or ("pending" if not spans else "running" if spans[-1][1] is None else "succeeded")
    fields = {"name": f"[s {index}/9] RUN step-{index}", "vertex": f"sha256:{index}", **fields}
    return TimedStep(index=index, state=state, intervals=tuple(spans), inputs=tuple(inputs), **fields)


def row_of(timeline: Timeline, words: str):
    """The only row whose name holds these words."""
    (row,) = [row for row in timeline.rows if words in row.step.name]
    return row
