"""Steps of a run as the log writer's book has them. Rows carry the attempt, so a lost run touches only its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from builds.actions.runs import Run
from builds.models import Step


def save_step(run: Run, index: int, fields: Mapping[str, Any]) -> None:
    """Write what is known of one step; the same call again changes nothing."""
    Step.objects.update_or_create(build_id=run.build_id, attempt=run.attempt, index=index, defaults=dict(fields))


def describe_steps(run: Run, facts: Mapping[int, Mapping[str, Any]]) -> None:
    """Add what the metadata file told: `{index: {"dockerfile_line": 7, "layer_bytes": 1024}}`."""
    for index, fields in facts.items():
        Step.objects.filter(build_id=run.build_id, attempt=run.attempt, index=index).update(**fields)
