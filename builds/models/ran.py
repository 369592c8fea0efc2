"""Rows of steps as the comparisons of builds.core read them."""

from __future__ import annotations

from collections.abc import Iterable

from builds.core.cache_sides import Ran
from builds.models.build import Step


def ran_of(steps: Iterable[Step]) -> list[Ran]:
    """BuildKit's steps; our own have no vertex."""
    return [
        Ran(
            index=step.index,
            name=step.name,
            state=step.state,
            cached=step.cached,
            inputs=tuple(step.inputs),
            operation=step.operation,
            fingerprint=step.fingerprint,
            paths=tuple(step.paths),
            lines=tuple(step.dockerfile_lines),
            seconds=step.duration_s,
        )
        for step in steps
        if step.vertex
    ]
