"""Pausing: an administrator lets a host, or every worker, take no new builds, and lets it go on again.

A pause and a claim wait for each other: when `pause_…` returns, nothing is claimed any more that it was to keep back.
"""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import audit
from accounts.models import User
from builds import live
from builds.actions.claim import wait_for_turn
from builds.actions.upkeep import ring_for_due
from builds.models import Pause, Worker
from builds.models.pause import EVERY_HOST, REASON_LENGTH
from lib.clock import database_now
from lib.refusal import Refused

NOT_YOURS = "Only administrators of Imageyard pause and drain workers. Ask one of them."


def pause_queue(actor: User, reason: str) -> Pause:
    """No worker takes a new build until somebody resumes; what runs goes on. Raises Refused."""
    return _pause(actor, EVERY_HOST, reason)


def pause_host(actor: User, host: str, reason: str) -> Pause:
    """No worker of the host takes a new build, also after a restart, until somebody resumes. Raises Refused."""
    must_be_administrator(actor)
    if not host or not Worker.objects.filter(host=host).exists():
        raise Refused(f"No worker of a host {host!r} has reported lately.", code="not_found")
    return _pause(actor, host, reason)


def resume(actor: User, pause: Pause) -> None:
    """End a pause, and ring for what waited. Raises Refused where somebody ended it already."""
    must_be_administrator(actor)
    with transaction.atomic():
        if not Pause.objects.filter(pk=pause.pk).delete()[0]:
            raise Refused(f"{_named(pause.host)} is not paused any more.", code="conflict")
        audit.record(actor, "worker.resume" if pause.host else "queue.resume", pause)
        ring_for_due(database_now())
        transaction.on_commit(_tell)


def must_be_administrator(actor: User) -> None:
    """Raises Refused for everybody else."""
    if not actor.is_superuser:
        raise Refused(NOT_YOURS, code="forbidden")


def _pause(actor: User, host: str, reason: str) -> Pause:
    must_be_administrator(actor)
    reason = " ".join(reason.split())
    if not reason:
        raise Refused("Say why, in a few words: whoever waits reads it.")
    if len(reason) > REASON_LENGTH:
        raise Refused(f"The reason has {len(reason)} characters; {REASON_LENGTH} is the most.")
    try:
        with transaction.atomic():
            wait_for_turn()
            pause = Pause.objects.create(host=host, at=timezone.now(), by=actor.get_username(), reason=reason)
            audit.record(actor, "worker.pause" if host else "queue.pause", pause, reason)
            transaction.on_commit(_tell)
    except IntegrityError as error:
        standing = Pause.objects.filter(host=host).first()
        told = f" {standing.sentence}" if standing else ""
        raise Refused(f"{_named(host)} is paused already.{told}", code="conflict") from error
    return pause


def _named(host: str) -> str:
    return host or "The queue"


def _tell() -> None:
    live.wake("queue", "workers", "builds")
