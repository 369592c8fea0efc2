"""The sums of a cache report on the build's own row, for lists and charts. The report itself is in the record."""

from __future__ import annotations

from builds.actions.runs import Run
from builds.models import Build


def note_cache(run: Run, *, cacheable: int, cached: int, saved_s: float) -> bool:
    """Write the sums of this run, also when it is over. False where a newer attempt has the build, or it is gone."""
    rows = Build.objects.filter(pk=run.build_id, attempt=run.attempt)
    return bool(rows.update(steps_cacheable=cacheable, steps_cached=cached, saved_s=saved_s))
