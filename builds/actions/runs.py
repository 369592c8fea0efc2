"""A run: one attempt of one build under a lease. Every write of a run names its attempt; none counts without it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction

from builds import live
from builds.core.states import RUNNING, State
from builds.models import Build, BuildEvent
from lib.clock import database_now


@dataclass(frozen=True, slots=True)
class Run:
    """The right to change one build: its id, and the attempt that was claimed."""

    build_id: int
    attempt: int
    # Set for whoever takes a run away: only while its lease is over since then, a heartbeat in between saves it.
    lapsed: datetime | None = field(default=None, compare=False)

    def rows(self) -> Any:
        """The build's row as long as this run holds its lease; no row otherwise."""
        rows = Build.objects.filter(pk=self.build_id, attempt=self.attempt, state__in=RUNNING)
        return rows if self.lapsed is None else rows.filter(lease_until__lt=self.lapsed)


@dataclass(frozen=True, slots=True)
class Lease:
    """What a heartbeat learns: whether the run still holds its build, and whether somebody wants it to stop."""

    held: bool
    cancel_requested: bool = False


def renew_lease(run: Run) -> Lease:
    """Say that the run is alive. One conditional update; a lost lease is a normal answer."""
    until = database_now() + timedelta(seconds=settings.LEASE_S)
    if not run.rows().update(lease_until=until):
        return Lease(held=False)
    asked = run.rows().values_list("cancel_requested_at", flat=True).first()
    return Lease(held=True, cancel_requested=asked is not None)


def check_lease(run: Run) -> Lease:
    """What `renew_lease` learns, without the write: asked every second."""
    row = run.rows().values_list("cancel_requested_at", flat=True)[:1]
    found = list(row)
    return Lease(held=bool(found), cancel_requested=bool(found) and found[0] is not None)


def advance(run: Run, state: State, **fields: Any) -> bool:
    """Move a run on to `state`, with other columns in the same update. False: the lease was lost, nothing changed."""
    with transaction.atomic():
        if not run.rows().update(state=state, **fields):
            return False
        record_event(run.build_id, "state", run.attempt, state=state.value)
    return True


def note(run: Run, **fields: Any) -> bool:
    """Write columns that change no state (commit, digest, sizes). False: the lease was lost."""
    return bool(run.rows().update(**fields))


def record_event(build_id: int, kind: str, attempt: int = 0, **detail: Any) -> None:
    """The outbox row of a change, in the change's transaction, and the news to the pages after its commit."""
    BuildEvent.objects.create(build_id=build_id, kind=kind, attempt=attempt, detail=detail)
    transaction.on_commit(partial(live.announce, build_id, kind, {"attempt": attempt, **detail}))
