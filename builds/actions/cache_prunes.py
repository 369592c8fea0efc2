"""The policy of build caches and their prunings: set, asked, taken by one worker of the host, ended.

A cache that others use too is pruned by an administrator's word alone: a policy for its host, or a pruning by hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from accounts import audit
from accounts.models import User
from builds import live
from builds.actions.pauses import must_be_administrator
from builds.core.build_cache import CacheLimits, CacheReport
from builds.models import CachePolicy, CachePrune, Worker
from builds.models.cache import EVERY_HOST
from lib.clock import database_now
from lib.humanize import format_size, plural
from lib.refusal import Refused

Cause, State = CachePrune.Cause, CachePrune.State
LEASE = timedelta(minutes=5)
# A policy is not carried out more often than this, whatever comes of it.
EVERY = timedelta(hours=1)
KEPT = timedelta(days=90)
MOST_DAYS = 3650
_OPEN = (State.ASKED, State.RUNNING)


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds for a host. `may_prune`: somebody said that its cache may be pruned without being asked."""

    limits: CacheLimits
    may_prune: bool
    set_by: str = ""
    host: str = EVERY_HOST


def policy_of(host: str) -> Policy:
    """The host's own policy, else the one for every host, else what the environment says of a cache of our own."""
    return policies_of([host])[host]


def policies_of(hosts: Iterable[str]) -> dict[str, Policy]:
    """The same of several, in one query."""
    hosts = list(hosts)
    rows = {row.host: row for row in CachePolicy.objects.filter(host__in=(*hosts, EVERY_HOST))}
    return {host: _policy(rows.get(host) or rows.get(EVERY_HOST)) for host in hosts}


def _policy(row: CachePolicy | None) -> Policy:
    if row is not None:
        return Policy(CacheLimits(row.keep_bytes, row.unused_days), True, row.set_by, row.host)
    limits = CacheLimits(settings.CACHE_KEEP_BYTES or None, settings.CACHE_UNUSED_DAYS or None)
    return Policy(limits if settings.CACHE_IS_OWN else CacheLimits(), settings.CACHE_IS_OWN)


def set_policy(actor: User, host: str, limits: CacheLimits | None) -> None:
    """How much of its cache a host ("" is every host) keeps; None takes the word back. Raises Refused."""
    must_be_administrator(actor)
    if host != EVERY_HOST and not Worker.objects.filter(host=host).exists():
        raise Refused(f"No worker of a host “{host[:64]}” has reported lately.", code="not_found")
    if limits is not None:
        _check(limits)
    with transaction.atomic():
        if limits is None:
            CachePolicy.objects.filter(host=host).delete()
        else:
            CachePolicy.objects.update_or_create(
                host=host,
                defaults={
                    "keep_bytes": limits.keep_bytes,
                    "unused_days": limits.unused_days,
                    "set_at": timezone.now(),
                    "set_by": actor.get_username(),
                },
            )
        audit.record(actor, "cache.policy", host or "every host", said(limits) if limits else "taken back")
        transaction.on_commit(lambda: live.wake("workers"))


def said(limits: CacheLimits) -> str:
    """`at most 20.0 GB, nothing unused for 30 days`."""
    parts = []
    if limits.keep_bytes is not None:
        parts.append(f"at most {format_size(limits.keep_bytes)}")
    if limits.unused_days is not None:
        parts.append(f"nothing unused for {plural(limits.unused_days, 'day')}")
    return ", ".join(parts) or "all of it"


def ask_prune(actor: User, host: str, limits: CacheLimits) -> CachePrune:
    """A worker of the host prunes its builder's cache soon: all that no build uses, or what `limits` say.

    Raises Refused: no worker there, or a pruning is under way.
    """
    must_be_administrator(actor)
    _check(limits)
    if not Worker.objects.alive().filter(host=host).exists():
        raise Refused(f"No worker of a host “{host[:64]}” reports now: nobody could prune there.", code="not_found")
    prune = _ask(host, Cause.PERSON, limits, by=actor)
    if prune is None:
        raise Refused(f"The cache of {host} is being pruned already.", code="conflict")
    return prune


def plan_prune(host: str, cause: str, limits: CacheLimits, *, free_bytes: int | None = None) -> bool:
    """A worker wants to prune by itself; False where one is under way."""
    return _ask(host, cause, limits, free_bytes=free_bytes) is not None


def was_pruned_lately(host: str, cause: str, now: datetime, *, every: timedelta = EVERY) -> bool:
    """Whether the cause has had its turn a while ago."""
    return CachePrune.objects.filter(host=host, cause=cause, asked_at__gt=now - every).exists()


def take_prune(host: str, worker: str) -> CachePrune | None:
    """The open pruning of the host, for this worker alone; also one whose worker died."""
    now = database_now()
    rows = CachePrune.objects.filter(host=host).filter(
        Q(state=State.ASKED) | Q(state=State.RUNNING, lease_until__lt=now)
    )
    prune = rows.first()
    if prune is None:
        return None
    taken = rows.filter(pk=prune.pk, worker=prune.worker)
    if not taken.update(state=State.RUNNING, worker=worker, lease_until=now + LEASE):
        return None
    prune.refresh_from_db()
    return prune


def renew_prune(prune: CachePrune) -> bool:
    """It goes on; False where somebody else took it."""
    rows = CachePrune.objects.filter(pk=prune.pk, state=State.RUNNING, worker=prune.worker)
    return bool(rows.update(lease_until=database_now() + LEASE))


def end_prune(prune: CachePrune, *, builder: str, freed_bytes: int | None, sentence: str) -> bool:
    """What came of it; `freed_bytes` of None is a failure. False where it was taken over meanwhile."""
    with transaction.atomic():
        rows = CachePrune.objects.filter(pk=prune.pk, state=State.RUNNING, worker=prune.worker)
        changed = rows.update(
            state=State.FAILED if freed_bytes is None else State.DONE,
            builder=builder,
            freed_bytes=freed_bytes,
            ended_at=timezone.now(),
            lease_until=None,
            sentence=sentence[:300],
        )
        CachePrune.objects.filter(host=prune.host, asked_at__lt=database_now() - KEPT).exclude(state__in=_OPEN).delete()
        transaction.on_commit(lambda: live.wake("workers"))
    return bool(changed)


def report_cache(worker: str, report: CacheReport) -> None:
    """What a worker's builder keeps, as it was just asked."""
    document = {**report.as_json(), "measured_at": timezone.now().isoformat()}
    Worker.objects.filter(name=worker).update(cache=document)
    live.wake("workers")


def _ask(
    host: str, cause: str, limits: CacheLimits, *, by: User | None = None, free_bytes: int | None = None
) -> CachePrune | None:
    try:
        with transaction.atomic():
            prune = CachePrune.objects.create(
                host=host,
                cause=cause,
                asked_by=by.get_username() if by else "",
                # Compared with the database's clock, and by it alone.
                asked_at=database_now(),
                keep_bytes=limits.keep_bytes,
                unused_days=limits.unused_days,
                free_bytes=free_bytes,
            )
            if by is not None:
                audit.record(by, "cache.prune", host, said(limits))
            transaction.on_commit(lambda: live.wake("workers"))
    except IntegrityError:
        return None
    return prune


def _check(limits: CacheLimits) -> None:
    if limits.keep_bytes is not None and not 0 <= limits.keep_bytes < 2**60:
        raise Refused("How much is kept is a number of bytes, from 0 on.")
    if limits.unused_days is not None and not 1 <= limits.unused_days <= MOST_DAYS:
        raise Refused(f"Days are a whole number from 1 to {MOST_DAYS:,}.")
