"""Runs of retention: asked for by a schedule or a person, one at a time for each repository. Workers take them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts import audit
from accounts.models import User
from builds.actions.retention_policies import follows, may_run, next_run_of, read_policy
from builds.actions.sources import request_probe
from builds.actions.tag_deletions import wake_after
from builds.models import Source
from lib.clock import database_now
from lib.queue import enqueue
from lib.refusal import Refused
from registry.models import Repository, RetentionPolicy, RetentionRun, Tag, TagDeletion

log = structlog.get_logger(__name__)
State = RetentionRun.State
UNDER_WAY = (State.ASKED, State.CHOOSING, State.DELETING)
AT_ONCE = 100
KEPT_FOR = timedelta(days=90)
DRY_KEPT_FOR = timedelta(days=14)
"""Reports of looks that deleted nothing."""
_BATCH = 500
_LOOK_AGAIN = timedelta(hours=20)


def fire_retention(now: datetime) -> int:
    """Ask for the runs of every policy that is due. Twice, or on two machines at once, is harmless. Gives how many."""
    asked = 0
    due = RetentionPolicy.objects.filter(next_run_at__lte=now, is_on=True)
    for policy in due.select_related("namespace", "repository").order_by("next_run_at")[:AT_ONCE]:
        try:
            asked += _fire(policy, now)
        except Exception:  # the loop's edge: one policy that cannot be asked for must not keep the others from it
            log.exception("a policy could not be run", policy=policy.pk)
    return asked


def _fire(policy: RetentionPolicy, now: datetime) -> int:
    with transaction.atomic():
        # Also under the condition that it is as we read it. Runs that were missed while nobody looked become one.
        mine = RetentionPolicy.objects.filter(pk=policy.pk, next_run_at=policy.next_run_at, revision=policy.revision)
        if not mine.update(next_run_at=next_run_of(policy, now)):
            return 0
        if not policy.rules or not may_run(policy, now):
            return 0
        repositories = _obeying(policy).filter(Exists(Tag.objects.filter(repository=OuterRef("pk"))))
        ids = list(repositories.order_by("pk").values_list("pk", flat=True))
        RetentionRun.objects.bulk_create(
            [RetentionRun(repository_id=pk, policy=policy, revision=policy.revision, not_before=now) for pk in ids],
            batch_size=_BATCH,
            ignore_conflicts=True,
        )
        if any("gone_days" in rule for rule in policy.rules if isinstance(rule, dict)):
            _look_at_branches(ids, now)
        if ids:
            ring()
    return len(ids)


def _obeying(policy: RetentionPolicy) -> QuerySet[Repository]:
    if policy.namespace is not None:
        found: QuerySet[Repository] = follows(policy.namespace)
        return found
    return Repository.objects.filter(retention_policy=policy)


def _look_at_branches(ids: Sequence[int], now: datetime) -> None:
    """Not every forge tells of a deleted branch; what a look finds counts for the next run."""
    old = Q(probed_at=None) | Q(probed_at__lt=now - _LOOK_AGAIN)
    for source in Source.objects.filter(old, repository__in=ids[:AT_ONCE]).exclude(probe_state="asked"):
        request_probe(source)


def mend_retention(now: datetime) -> int:
    """Bring back runs that a wrong clock put too far off, and those that nobody set. Gives how many."""
    mended = 0
    for policy in RetentionPolicy.objects.filter(is_on=True).iterator():
        first = next_run_of(policy, now)
        second = next_run_of(policy, first) if first else None
        if policy.next_run_at is None or (second is not None and policy.next_run_at > second):
            seen = RetentionPolicy.objects.filter(pk=policy.pk, next_run_at=policy.next_run_at)
            mended += seen.update(next_run_at=first)
    return mended


def ask_run(actor: User, repository: Repository, *, is_dry: bool, revision: int | None = None) -> RetentionRun:
    """Have a person's run done now. `revision` is that of the policy whose preview was seen.

    Asking the same again gives the run that is open. Raises Refused: no policy, one that was changed, another run.
    """
    policy = RetentionPolicy.objects.in_force(repository)
    if policy is None:
        raise Refused(f"{repository.path} has no clean-up: say first what is to stay.", code="not_found")
    if problem := read_policy(policy).problem:
        raise Refused(f"The clean-up removes nothing until it is mended: {problem}")
    if revision is not None and revision != policy.revision:
        raise Refused("The clean-up was changed since you looked at what would go. Look once more.", code="conflict")
    try:
        with transaction.atomic():
            run = RetentionRun.objects.create(
                repository=repository,
                policy=policy,
                revision=policy.revision,
                is_dry=is_dry,
                by=actor.username,
                not_before=database_now(),
            )
            audit.record(actor, "retention.look" if is_dry else "retention.run", repository)
            ring()
            wake_after(repository.pk)
    except IntegrityError:
        found = RetentionRun.objects.filter(repository=repository, state__in=UNDER_WAY).first()
        if found is None:  # it ended between the two looks
            raise Refused("A clean-up ended at this moment. Ask again.", code="conflict") from None
        if found.is_dry == is_dry:
            return found
        said = "Another look at what would go is under way" if found.is_dry else "A clean-up is under way"
        raise Refused(f"{said} in {repository.path}. Wait until it is done.", code="conflict") from None
    return run


def ring_for_runs(now: datetime) -> None:
    """From the tick: runs whose ring was lost, whose worker died, or that wait for a registry."""
    if RetentionRun.objects.filter(due_runs(now)).exists():
        ring()


def ring() -> None:
    enqueue("builds.clean_up", expires_s=60)


def due_runs(now: datetime) -> Q:
    """Those that somebody may take."""
    free = Q(lease_until=None, not_before__lte=now) | Q(lease_until__lt=now)
    return Q(state__in=UNDER_WAY) & free


def forget_runs(now: datetime) -> None:
    """Old runs go with their lines, and so does what people asked for long ago; the history of each tag stays."""
    old = RetentionRun.objects.filter(ended_at__lt=now - KEPT_FOR)
    RetentionRun.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:AT_ONCE])).delete()
    looks = RetentionRun.objects.filter(is_dry=True, ended_at__lt=now - DRY_KEPT_FOR)
    RetentionRun.objects.filter(pk__in=list(looks.values_list("pk", flat=True)[:AT_ONCE])).delete()
    asked = TagDeletion.objects.filter(run=None, ended_at__lt=now - KEPT_FOR)
    TagDeletion.objects.filter(pk__in=list(asked.values_list("pk", flat=True)[:_BATCH])).delete()
