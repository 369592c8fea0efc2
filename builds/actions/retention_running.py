"""A worker's side of a run of retention: taken with a lease, chosen once, ended.

It deletes its tags one by one; one that is killed goes on with what is left, after a new look at what may go. What came
of each tag is a `TagDeletion`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from accounts import audit
from builds import live
from builds.actions.retention_runs import UNDER_WAY, State, due_runs
from builds.actions.tag_deletions import OPEN, new_mark, wake_after
from builds.core.retention_words import done_words, looked_words
from lib.clock import database_now
from lib.humanize import quoted
from registry.core.retention import Decision
from registry.models import RetentionPolicy, RetentionRun, TagDeletion, TagMove

LEASE = timedelta(seconds=150)
"""Longer than one tag takes."""
MOST_TURNS = 20
"""Turns in a row that deleted nothing."""
MOST_LISTED = 5_000
"""Lines of a dry run; its counts are of all tags."""
_BATCH = 500


def take_run() -> RetentionRun | None:
    """The run that has waited longest, with a lease for whoever got it; None where there is nothing to do."""
    now = database_now()
    due = RetentionRun.objects.filter(due_runs(now)).order_by("not_before", "pk")
    for pk, state in list(due.values_list("pk", "state")[:10]):
        next_state = State.CHOOSING if state == State.ASKED else state
        taken = {"state": next_state, "lease_until": now + LEASE, "turns": F("turns") + 1}
        if RetentionRun.objects.filter(due_runs(now), pk=pk, state=state).update(**taken):
            run = RetentionRun.objects.select_related("repository__namespace", "repository__registry", "policy").get(
                pk=pk
            )
            live.wake(f"repository:{run.repository_id}")
            return run
    return None


def obeyed(run: RetentionRun) -> RetentionPolicy | None:
    """The policy that the run goes by; None where it was changed or taken away since the run was asked for."""
    policy = RetentionPolicy.objects.in_force(run.repository)
    if policy is None or policy.pk != run.policy_id or policy.revision != run.revision:
        return None
    return policy


def begin_run(run: RetentionRun, decisions: Sequence[Decision], freed_bytes: int | None) -> bool:
    """What was chosen: counts, and a line for each tag that goes; a dry run is over with that. False: lease lost."""
    # Tags of builds last: while a floating tag is still there, that of its build stays.
    going = sorted((one for one in decisions if one.goes), key=lambda one: one.tag.kind == "build")
    counted = Counter((decision.goes, decision.why) for decision in decisions)
    fields: dict[str, Any] = {
        "total": len(decisions),
        "going": len(going),
        "reasons": [[goes, why, count] for (goes, why), count in counted.most_common()],
        "freed_bytes": freed_bytes,
        "state": State.DONE if run.is_dry or not going else State.DELETING,
    }
    if fields["state"] == State.DONE:
        fields |= {"ended_at": timezone.now(), "sentence": looked_words(len(going), len(decisions), is_dry=run.is_dry)}
        fields |= {"lease_until": None}
    with transaction.atomic():
        if not _mine(run).update(**fields):
            return False
        lines = [_line(run, decision) for decision in (going[:MOST_LISTED] if run.is_dry else going)]
        TagDeletion.objects.bulk_create(lines, batch_size=_BATCH, ignore_conflicts=True)
        wake_after(run.repository_id)
    for name, value in fields.items():
        setattr(run, name, value)
    return True


def _line(run: RetentionRun, decision: Decision) -> TagDeletion:
    tag = decision.tag
    return TagDeletion(
        repository_id=run.repository_id,
        run=run,
        tag=tag.name,
        digest=tag.digest,
        build_number=tag.build_number,
        kind=TagMove.Kind.RETENTION,
        why=decision.because[:300],
        mark="" if run.is_dry else new_mark(),
        state=TagDeletion.State.LISTED if run.is_dry else TagDeletion.State.ASKED,
    )


def look_again(run: RetentionRun, decisions: Sequence[Decision]) -> None:
    """A run that goes on leaves alone what is to stay by now; a deletion that was begun looks for itself."""
    staying = {decision.tag.name: decision.because for decision in decisions if not decision.goes}
    for deletion in waiting(run).filter(state=TagDeletion.State.ASKED):
        if deletion.tag in staying:
            sentence = f"{quoted(deletion.tag)} was left alone: {staying[deletion.tag]}."
            ended = {"state": TagDeletion.State.LEFT, "sentence": sentence, "ended_at": timezone.now()}
            TagDeletion.objects.filter(pk=deletion.pk, state=TagDeletion.State.ASKED).update(**ended)


def waiting(run: RetentionRun) -> QuerySet[TagDeletion]:
    """The tags that are still to go, in their order."""
    return TagDeletion.objects.filter(run=run, state__in=OPEN).order_by("pk")


def hold_run(run: RetentionRun, *, has_moved: bool) -> bool:
    """Still ours? Asked before each tag; `has_moved` says that the last one came to an end."""
    until = database_now() + LEASE
    fields: dict[str, Any] = {"lease_until": until} | ({"turns": 1} if has_moved else {})
    held = bool(_mine(run).update(**fields))
    run.lease_until = until
    run.turns = 1 if has_moved else run.turns
    return held


def release_run(run: RetentionRun, sentence: str, *, wait_s: float) -> None:
    """The next turn goes on. One that comes to nothing too often has failed instead."""
    if run.turns >= MOST_TURNS:
        fail_run(run, sentence)
        return
    later = {"lease_until": None, "not_before": database_now() + timedelta(seconds=wait_s)}
    _mine(run).update(**later, sentence=sentence)
    live.wake(f"repository:{run.repository_id}")


def finish_run(run: RetentionRun) -> None:
    """Every tag was looked after."""
    sentence = done_words(_counts(run), run.total)
    with transaction.atomic():
        if not _end(run, State.DONE, sentence):
            return
        audit.record(None, "retention.done", run.repository, sentence)
        wake_after(run.repository_id)


def fail_run(run: RetentionRun, sentence: str) -> None:
    """It could not go on: what is left stays, and says why."""
    with transaction.atomic():
        if not _end(run, State.FAILED, ""):
            return
        ended = {"state": TagDeletion.State.FAILED, "ended_at": timezone.now(), "lease_until": None}
        waiting(run).update(**ended, sentence=f"The clean-up ended before: {sentence}"[:1000])
        told = f"{sentence} {done_words(_counts(run), run.total)}" if run.going else sentence
        RetentionRun.objects.filter(pk=run.pk).update(sentence=told)
        audit.record(None, "retention.failed", run.repository, told[:500])
        wake_after(run.repository_id)


def _counts(run: RetentionRun) -> Counter[str]:
    return Counter(TagDeletion.objects.filter(run=run).values_list("state", flat=True))


def _end(run: RetentionRun, state: str, sentence: str) -> bool:
    ended = {"state": state, "sentence": sentence, "ended_at": timezone.now(), "lease_until": None}
    return bool(_mine(run).update(**ended))


def _mine(run: RetentionRun) -> Any:
    return RetentionRun.objects.filter(pk=run.pk, state__in=UNDER_WAY, lease_until=run.lease_until)
