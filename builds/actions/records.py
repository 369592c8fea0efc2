"""The record of a build's last attempt: its large facts, written by the run that found them. Decides nothing."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from builds.actions.runs import Run
from builds.models import BuildRecord

_EMPTY: dict[str, Any] = {
    "dockerfile": "",
    "dockerfile_path": "",
    "platforms": [],
    "image": {},
    "cache_report": {},
    "failure": {},
    "builder": "",
}


def begin_record(run: Run, **fields: Any) -> bool:
    """Start the record of an attempt that begins to build: what an earlier one found is gone, but for `fields`."""
    return save_record(run, **{**_EMPTY, **fields})


def save_record(run: Run, **fields: Any) -> bool:
    """Add to the record of a run, also when its build is over; what is not named stays.

    Needs no lease: the record names its attempt, and an older attempt never writes over a newer one. False where one
    has, or where the build is gone.
    """
    told = {**fields, "attempt": run.attempt, "updated_at": timezone.now()}
    rows = BuildRecord.objects.filter(build_id=run.build_id, attempt__lte=run.attempt)
    for _ in range(2):
        if rows.update(**told):
            return True
        try:
            with transaction.atomic():
                BuildRecord.objects.create(build_id=run.build_id, **told)
        except IntegrityError:  # made in between, or by a newer attempt; or the build was deleted a moment ago
            continue
        return True
    return False
