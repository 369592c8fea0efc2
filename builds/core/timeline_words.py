"""The timeline in sentences: what made the build as long as it is, what ran at once, and how long it still takes."""

from __future__ import annotations

import re

from builds.core.failure_evidence import code
from builds.core.timeline import Row, Timeline, Work
from lib.humanize import format_duration, format_size, plural

WORK_LABELS: dict[Work, str] = {
    "exec": "Executions",
    "file": "File operations",
    "transfer": "Local file transfers",
    "pull": "Image pulls",
    "export": "Exports and pushes",
    "imageyard": "Imageyard",
}
"""Classes of work as Docker Desktop names them, and our own."""
_WORTH_TELLING = 0.02
_MOST_PARTS = 3
_SHORTEST_S = 0.05
# "exporting manifest sha256:…", "pushing manifest for registry/name@…", "naming to …": the verb and its noun.
_WHAT = re.compile(r" (?:for|to|sha256:)")


def path_sentence(timeline: Timeline, *, is_failed: bool = False) -> str:
    """What to make faster, and how much it weighs; "" before anything took time."""
    longest = timeline.longest
    if longest is None or timeline.real_s <= 0:
        return ""
    whole = format_duration(timeline.real_s)
    so_far = " so far" if timeline.is_live else ""
    start = "" if is_failed else ": start there to make the build faster"
    name, took = code(shown_name(longest)), format_duration(longest.seconds)
    if len(timeline.critical) == 1:
        return f"{name} took {took} of {whole}{so_far}{start}."
    steps = plural(len(timeline.critical), "step")
    return (
        f"The chain of {steps} that decides how long it takes lasted {format_duration(timeline.critical_s)} of {whole}"
        f"{so_far}. Most of it is {name}, {took}{start}."
    )


def parallel_sentence(timeline: Timeline) -> str:
    """How far steps ran side by side."""
    if timeline.parallel_share < _WORTH_TELLING:
        return "Its steps ran one after the other."
    return (
        f"Steps ran side by side for {timeline.parallel_share * 100:.0f} % of the time, "
        f"{timeline.most_at_once} at once at most; one after the other they would take "
        f"{format_duration(timeline.accumulated_s)}."
    )


def bytes_words(row: Row) -> str:
    """What a step has moved: "24.1 MB of 30 MB sent"; "" where nothing is told, or next to nothing."""
    current, total = row.moved_bytes
    if not current:
        return ""
    verb = {"transfer": "sent", "pull": "pulled", "export": "pushed"}.get(row.work, "moved")
    return (
        f"{format_size(current)} of {format_size(total)} {verb}"
        if total > current
        else f"{format_size(current)} {verb}"
    )


def parts_words(row: Row) -> str:
    """What an export spent its time on: "exporting layers 0.1 s, pushing layers 3.1 s"."""
    least = max(row.seconds * _WORTH_TELLING, _SHORTEST_S)
    parts = [part for part in row.step.transfers if part.seconds >= least]
    longest = sorted(parts, key=lambda part: -part.seconds)[:_MOST_PARTS]
    told = sorted(longest, key=lambda part: part.begin or 0.0)
    return ", ".join(f"{_WHAT.split(part.id)[0]} {format_duration(part.seconds)}" for part in told)


def layers_words(timeline: Timeline, before_bytes: int | None) -> str:
    """How much an export has to push: what this build's own steps made, or what the image had in the build before.

    Docker's containerd store tells no bytes while it pushes.
    """
    own = sum(row.step.layer_bytes or 0 for row in timeline.rows if row.work != "pull")
    if own:
        return f"{format_size(own)} in layers of its own"
    return f"{format_size(before_bytes)} last time" if timeline.is_live and before_bytes else ""


def shown_name(row: Row) -> str:
    """A step's name as its lane shows it: without the stage, which stands above it."""
    return " ".join(row.label.instruction.removeprefix("[internal] ").split())


def left_sentence(usual_s: float, samples: int, left_s: float, *, is_late: bool) -> str:
    """For a running build: how long it still takes, and where that is known from."""
    usual = format_duration(usual_s)
    of = "the last successful build" if samples == 1 else f"the median of its rule's last {samples} successful builds"
    if is_late:
        return f"It takes longer than usual, which is {usual} ({of}). About {format_duration(left_s)} are left."
    return f"About {format_duration(left_s)} are left: usually it takes {usual} ({of})."
