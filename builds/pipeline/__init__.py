"""The order of stages: claim ▸ checkout ▸ build ▸ publish. Decisions are in core, state changes in actions."""

from __future__ import annotations

from builds.actions.claim import claim_next
from builds.actions.workers import is_draining
from builds.pipeline.stages import carry_out
from builds.worker import worker_name

__all__ = ["carry_out", "run_until_idle"]


def run_until_idle() -> None:
    """Carry out builds until nothing may start here, so that one doorbell is enough for a long queue."""
    name = worker_name()
    while not is_draining(name) and (run := claim_next(name)):
        carry_out(run, name)
