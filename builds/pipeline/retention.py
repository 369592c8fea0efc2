"""A worker's turn at runs of retention: what goes is chosen by rows alone, then deleted tag by tag."""

from __future__ import annotations

import time

import structlog

from builds.actions.retention_facts import tag_facts
from builds.actions.retention_freed import freed_by
from builds.actions.retention_policies import read_policy
from builds.actions.retention_running import (
    begin_run,
    fail_run,
    finish_run,
    hold_run,
    look_again,
    obeyed,
    release_run,
    take_run,
    waiting,
)
from builds.actions.retention_runs import State, ring
from builds.actions.tag_deleting import lease_deletion
from builds.core.deletion_words import no_way_words
from builds.pipeline.probe import one_at_a_time
from builds.pipeline.tag_deletions import TURN_S, Clients, Ended, carry_out, clients
from lib.clock import database_now
from registry.core.retention import choose
from registry.models import RetentionRun

log = structlog.get_logger(__name__)
AGAIN_S = 30.0
_CHANGED = "The clean-up was changed since this was asked for, so nothing is deleted by it. The next run goes by it."


def clean_up() -> None:
    """Carry out the runs that are due, one after the other: they keep no more than one process of a worker busy."""
    began, run = time.monotonic(), None
    with one_at_a_time("retention.lock") as mine, clients() as opened:
        while mine and time.monotonic() - began < TURN_S and (run := take_run()):
            _turn(run, opened, until=began + TURN_S)
    if run is not None:
        ring()


def _turn(run: RetentionRun, opened: Clients, *, until: float) -> None:
    """Dying anywhere leaves the run to its next turn, which goes on with what is left."""
    try:
        if _choose(run):
            _delete(run, opened, until)
    except Exception as error:  # a bug of ours must not leave the run open for ever
        log.exception("a clean-up could not be carried out", run=run.pk)
        fail_run(run, f"Imageyard itself met a fault ({type(error).__name__}) that its log tells more of.")


def _choose(run: RetentionRun) -> bool:
    """Whether there is something to delete. A run that goes on looks once more at what is to go."""
    policy = obeyed(run)
    if policy is None:
        fail_run(run, _CHANGED)
        return False
    registry = run.repository.registry
    if not run.is_dry and registry.facts.deletes == "own API":
        fail_run(run, no_way_words(registry.host))
        return False
    decisions = choose(tag_facts(run.repository), read_policy(policy), database_now())
    if run.state == State.CHOOSING:
        freed = freed_by(run.repository, decisions, most_read=None)
        return begin_run(run, decisions, freed.size_bytes) and run.state == State.DELETING
    look_again(run, decisions)
    return True


def _delete(run: RetentionRun, opened: Clients, until: float) -> None:
    has_moved = False
    for pk in list(waiting(run).values_list("pk", flat=True)):
        if not hold_run(run, has_moved=has_moved):
            return  # somebody else has it
        if time.monotonic() > until:
            release_run(run, "", wait_s=0)
            return
        deletion = lease_deletion(pk)
        if deletion is None:
            continue
        ended = carry_out(deletion, opened)
        has_moved = ended is Ended.OVER
        if ended is not Ended.OVER:
            deletion.refresh_from_db()
            if ended is Ended.HOPELESS:
                fail_run(run, deletion.sentence)
            else:
                release_run(run, deletion.sentence, wait_s=AGAIN_S)
            return
    if hold_run(run, has_moved=has_moved) and not waiting(run).exists():
        finish_run(run)
    else:
        release_run(run, "", wait_s=AGAIN_S)
