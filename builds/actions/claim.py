"""The queue's one policy: which build a free slot takes next, and the compare-and-swap that takes it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Case, F, IntegerField, Q, Value, When
from django.db.models.functions import Coalesce

from builds.actions.runs import Run, record_event
from builds.core.states import RUNNING, State
from builds.models import Build, Pause, Worker
from builds.models.build import BuildQuerySet
from builds.models.pause import EVERY_HOST
from lib.clock import database_now

# Claims wait for each other (on SQLite every writer does), so that two slots cannot each see the other's repository
# idle. A claim takes milliseconds; SKIP LOCKED would let both through, since the limit is a count over other rows.
_CLAIM_LOCK = 0x1A6E_0001


def in_order(now: datetime) -> BuildQuerySet:
    """Queued builds that may start now, best first: priority class, fair share between namespaces, age.

    A build of a repository that already builds as many at once as its source allows is not among them.
    """
    return queued_in_order().filter(not_before__lte=now).filter(Q(repository_running__lt=F("allowed")))


def queued_in_order() -> BuildQuerySet:
    """Every queued build in the order in which the policy will look at it, with `repository_running`.

    One that waits for a member's approval is in no queue: it has no place until somebody answers.
    """
    # What runs is as many rows as there are slots: counted first, and put into the query as constants. As subqueries
    # SQLite counts them anew for each waiting build, over all builds that the repository ever had.
    running = Build.objects.filter(state__in=RUNNING).values_list("repository_id", "repository__namespace_id")
    repositories, namespaces = Counter[int](), Counter[int]()
    for repository_id, namespace_id in running.order_by():
        repositories[repository_id] += 1
        namespaces[namespace_id] += 1
    return (
        Build.objects.filter(state=State.QUEUED, hold="")
        .annotate(
            repository_running=_counted("repository", repositories),
            namespace_running=_counted("repository__namespace", namespaces),
            allowed=Coalesce(F("source__parallel_builds"), Value(1)),
        )
        # By a constant PostgreSQL does not order: it takes 0 for the place of a column.
        .order_by("priority", *(["namespace_running"] if namespaces else []), "queued_at", "pk")
    )


def _counted(field: str, counts: Counter[int]) -> Case:
    cases = [When(**{field: key}, then=Value(count)) for key, count in counts.items()]
    return Case(*cases, default=Value(0), output_field=IntegerField())


def claim_next(worker: str, *, slots: int | None = None) -> Run | None:
    """Claim the best queued build for `worker`; None where nothing may start, or all of its `slots` are taken.

    Whether the worker may take one at all (pauses, drains, its builder) is read here, under the lock that a pause takes
    too: none slips through.

    The claim raises `attempt`, so that every write of an earlier attempt counts for nothing from now on.
    """
    # Most doorbells ring for a build that somebody took already: look before waiting for the lock.
    if not Build.objects.filter(state=State.QUEUED, hold="", not_before__lte=database_now()).exists():
        return None
    with transaction.atomic():
        wait_for_turn()
        now = database_now()
        if not may_take(worker):
            return None
        if slots is not None and Build.objects.filter(worker=worker, state__in=RUNNING).count() >= slots:
            return None
        build = in_order(now).first()
        if build is None:
            return None
        changed = Build.objects.filter(pk=build.pk, state=State.QUEUED, hold="", attempt=build.attempt).update(
            **_claimed(worker, now, build)
        )
        if not changed:
            return None
        run = Run(build.pk, build.attempt + 1)
        record_event(run.build_id, "state", run.attempt, state=State.PREPARING.value, worker=worker)
    return run


def _claimed(worker: str, now: datetime, build: Build) -> dict[str, Any]:
    return {
        "state": State.PREPARING,
        "attempt": F("attempt") + 1,
        "worker": worker,
        "lease_until": now + timedelta(seconds=settings.LEASE_S),
        "deadline_at": now + timedelta(seconds=build.timeout_s),
        "started_at": now,
        "wait_reason": "",
    }


def may_take(worker: str) -> bool:
    """Whether the worker may take a build: not while it drains or is paused, nor while its builder does not answer.

    A build that it took then would fail for no fault of its own, and quickly, so that this worker would get them all.
    One that has just started and not reported yet goes by its name, which begins with its host.
    """
    rows = Worker.objects.filter(name=worker)
    if rows.taking_builds().exists():
        return True
    host = worker.rsplit("-", 2)[0]
    return not (rows.exists() or Pause.objects.filter(host__in=(EVERY_HOST, host)).exists())


def wait_for_turn() -> None:
    """Inside a transaction: no claim is made until it ends. On SQLite every writer waits for its turn anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CLAIM_LOCK])
