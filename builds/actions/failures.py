"""The key that failures alike share: on the build's row, where lists and counts find it."""

from __future__ import annotations

from builds.actions.runs import Run
from builds.core.states import State
from builds.models import Build


def mark_alike(run: Run, key: str) -> bool:
    """Put the key on the build that `run` ended. False where it failed for good no more: it waits, or runs again."""
    rows = Build.objects.filter(pk=run.build_id, attempt=run.attempt, state=State.FAILED)
    return bool(rows.update(failure_key=key))
