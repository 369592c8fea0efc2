"""What beat does: nothing stays with a dead worker, nothing waits for a lost message, no log stays unarchived."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from django.conf import settings

from builds.actions.bases import move_bases
from builds.actions.claim import in_order
from builds.actions.lifecycle import sweep
from builds.actions.pull_requests import expire_questions, ring_for_reviews
from builds.core.states import RUNNING
from builds.models import BaseImage, Build, LogFrame, Source, Worker
from lib.queue import enqueue

RINGS = 32
FORGET_WORKER = timedelta(days=1)
MOST_LISTED = 1000


def sweep_all(now: datetime) -> None:
    """Recover what died. Each part may run twice, and at the same time on two machines."""
    sweep(now)
    expire_questions(now)
    ring_for_reviews(now)
    Worker.objects.filter(seen_at__lt=now - FORGET_WORKER).delete()
    for build_id, attempt in _unarchived(now):
        enqueue("builds.archive_log", build_id, attempt, expires_s=60)
    ring_for_probes()
    move_bases()
    if BaseImage.objects.filter(next_check_at__lte=now, uses__rule__source__rebuild_on_base=True).exists():
        enqueue("builds.check_bases", expires_s=9)


def ring_for_probes() -> None:
    """One ring for each source that somebody asked about and nobody has looked at yet."""
    for pk in Source.objects.filter(probe_state="asked").order_by("probed_at").values_list("pk", flat=True)[:RINGS]:
        enqueue("builds.probe_source", str(pk), expires_s=9)


def _unarchived(now: datetime) -> list[tuple[int, int]]:
    """Attempts that ended a while ago and whose frames are still rows: their worker died before it archived them.

    Any of them, so that some which cannot be archived never keep the others from it.
    """
    rows = LogFrame.objects.exclude(build__state__in=RUNNING).filter(
        build__queued_at__lt=now - timedelta(seconds=settings.LEASE_S)
    )
    found = list(rows.order_by().values_list("build_id", "attempt").distinct()[:MOST_LISTED])
    return random.sample(found, min(RINGS, len(found)))


def ring_for_due(now: datetime) -> None:
    """One ring for each build that may start, as far as slots are free: a lost doorbell costs one tick."""
    due = in_order(now).order_by()[:RINGS].count()
    workers = Worker.objects.alive(now).taking_builds()
    slots = sum(workers.values_list("slots", flat=True)) or 1
    free = slots - Build.objects.filter(state__in=RUNNING, worker__in=workers.values("name")).count()
    for _ in range(min(due, max(free, 0))):
        enqueue("builds.run_next", expires_s=9)
