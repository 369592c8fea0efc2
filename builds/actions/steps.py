"""Steps of a run, as its logbook has them. Rows carry the attempt: a run that lost its lease touches only its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from builds.models import Step

_CHANGING = [
    "vertex",
    "name",
    "internal",
    "state",
    "cached",
    "started_at",
    "finished_at",
    "duration_s",
    "error",
    "lines",
    "size_bytes",
    "inputs",
    "intervals",
    "transfers",
]
_TOLD = ["dockerfile_line", "layer_bytes", "operation", "fingerprint", "paths", "dockerfile_lines"]


def save_steps(rows: Sequence[Step]) -> None:
    """Write what is known of these steps, in one statement; the same call again changes nothing."""
    if rows:
        Step.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["build", "attempt", "index"], update_fields=_CHANGING
        )


def describe_steps(rows: Sequence[Step]) -> None:
    """Add what the metadata file told of these steps, which are written down already."""
    # One statement, and none that reads before: an end waits for it.
    if rows:
        Step.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["build", "attempt", "index"], update_fields=_TOLD
        )


def count_lines(build_id: int, attempt: int, totals: Mapping[int, tuple[int, int]]) -> None:
    """Correct the sums of a dead attempt's steps: `{index: (lines, bytes)}`, as its log was found."""
    for index, (lines, size_bytes) in totals.items():
        rows = Step.objects.filter(build_id=build_id, attempt=attempt, index=index)
        rows.update(lines=lines, size_bytes=size_bytes)
