"""A step as viewers and the API read it. One shape, whether it comes with the news or from the database."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from builds.models import Step


def step_fields(step: Step) -> dict[str, Any]:
    """`{index, name, state, cached, internal, started_at, finished_at, lines, error}`; times in ISO 8601."""
    return {
        "index": step.index,
        "name": step.name,
        "state": str(step.state),
        "cached": step.cached,
        "internal": step.internal,
        "started_at": _iso(step.started_at),
        "finished_at": _iso(step.finished_at),
        "lines": step.lines,
        "error": step.error,
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
