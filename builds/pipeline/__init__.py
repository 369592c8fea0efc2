"""The order of stages: claim ▸ checkout ▸ build ▸ publish. Decisions are in core, state changes in actions."""

from __future__ import annotations

from django.conf import settings

from builds.actions.claim import claim_next
from builds.pipeline.room import has_room
from builds.pipeline.stages import carry_out

__all__ = ["carry_out", "run_until_idle"]


def run_until_idle(worker: str) -> None:
    """Carry out builds until nothing may start on `worker`, so that one doorbell is enough for a long queue."""
    while has_room(worker) and (run := claim_next(worker, slots=settings.SLOTS)):
        carry_out(run, worker)
