"""Shells on debug images: who opened which, for how long, and why each ended. Each step of one is in the audit.

The row is the truth: whoever sets `closed_at` has ended the session, and its worker looks every few seconds.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts import audit
from accounts.access import has_role
from accounts.models import Role, User
from builds import live
from builds.actions.workers import is_draining
from builds.live.shell_line import ring_for_shells
from builds.models import DebugImage, DebugSession, Worker
from builds.models.debug import DebugSessionQuerySet
from lib.clock import database_now
from lib.humanize import format_duration, plural
from lib.refusal import Refused

# What a session has before its shell is there: for a worker to take it, and to pull the image.
TAKEN_WITHIN = timedelta(seconds=60)
READY_WITHIN = timedelta(minutes=10)
# A worker says every few seconds that it lives.
SILENT = timedelta(seconds=45)
MOST_AN_HOUR = 60
_REASON = 300


def open_shell(actor: User, image: DebugImage) -> DebugSession:
    """Ask for a shell; the open one where the person has one on this image already. Raises Refused."""
    now = database_now()
    if not settings.SHELLS:
        raise Refused("Shells in the browser are switched off here. Use the `docker run` line.", code="conflict")
    if image.state != DebugImage.State.READY or image.expires_at is None or image.expires_at <= now:
        raise Refused("The debug image is not there (any more). Make it first.", code="conflict")
    mine = open_session_of(actor)
    if mine is not None and mine.debug_image_id == image.pk:
        return mine
    if mine is not None:
        build = mine.debug_image.build
        raise Refused(
            f"You have a shell open on build #{build.number} of {build.repository.path}. Close that one first.",
            code="conflict",
        )
    lately = DebugSession.objects.of(actor).filter(opened_at__gt=now - timedelta(hours=1)).count()
    if lately >= MOST_AN_HOUR:
        raise Refused(f"You opened {plural(lately, 'shell')} within an hour. Open the next one later.", code="conflict")
    try:
        with transaction.atomic():
            session = DebugSession.objects.create(
                debug_image=image,
                user=actor,
                opened_at=now,
                until=now + READY_WITHIN,
                sentence="Waiting for a worker with a free shell.",
            )
            audit.record(actor, "debug_shell.ask", image.build, image.image)
            transaction.on_commit(ring_for_shells)
    except IntegrityError as error:  # two tabs at the same moment
        raise Refused(
            "You have opened a shell at this moment already. Load the page again.", code="conflict"
        ) from error
    return session


def open_session_of(user: User) -> DebugSession | None:
    """The one shell that a person may have open."""
    return _with_build().open().filter(user=user).first()


def session_for(user: User, pk: int) -> DebugSession | None:
    """The session of this number, for the person whose it is and who may (still) have it; None for anybody else."""
    session = _with_build().filter(pk=pk, user=user).first()
    return session if session is not None and _may_have(session) else None


def close_shell(session_id: int, reason: str) -> bool:
    """End it. False where it had ended already; the first reason counts."""
    now = database_now()
    with transaction.atomic():
        closed = {"closed_at": now, "end_reason": reason[:_REASON], "sentence": ""}
        if not DebugSession.objects.open().filter(pk=session_id).update(**closed):
            return False
        session = _with_build().filter(pk=session_id).first()
        if session is not None:
            lasted = format_duration((now - (session.started_at or session.opened_at)).total_seconds())
            audit.record(session.user, "debug_shell.close", session.debug_image.build, f"after {lasted}: {reason}")
            build_id = session.debug_image.build_id
            transaction.on_commit(lambda: live.wake(f"build:{build_id}"))
    return True


def take_shell(worker: str) -> DebugSession | None:
    """The session that has waited longest, for the worker that asks first."""
    if is_draining(worker):
        return None
    now = database_now()
    waiting = DebugSession.objects.open().filter(worker="", opened_at__gt=now - TAKEN_WITHIN).order_by("opened_at")
    for pk in list(waiting.values_list("pk", flat=True)[:8]):
        taken = {"worker": worker, "seen_at": now, "sentence": "The worker pulls the image."}
        if DebugSession.objects.open().filter(pk=pk, worker="").update(**taken):
            return _with_build().filter(pk=pk).first()
    return None


def record_started(session: DebugSession, container: str) -> bool:
    """The shell is there, and its time begins. False: it was closed in the meantime."""
    now = database_now()
    until = now + timedelta(minutes=settings.SHELL_MINUTES)
    fields = {"started_at": now, "until": until, "seen_at": now, "container": container, "sentence": ""}
    with transaction.atomic():
        done = bool(DebugSession.objects.open().filter(pk=session.pk).update(**fields))
        if done:
            audit.record(session.user, "debug_shell.open", session.debug_image.build, session.debug_image.image)
    session.started_at, session.until = now, until
    return done


def why_over(session_id: int, worker: str) -> str:
    """The worker's look every few seconds, which also says that it lives: why the shell is to end now, "" if not."""
    now = database_now()
    DebugSession.objects.open().filter(pk=session_id, worker=worker).update(seen_at=now)
    session = _with_build().filter(pk=session_id).first()
    if session is None:
        return "Its build was deleted."
    if session.closed_at is not None or session.worker != worker:
        return session.end_reason or "It was closed."
    if not _may_have(session):
        return "You may not open shells here any more."
    if session.debug_image.state != DebugImage.State.READY:
        return "The debug image was removed."
    if now >= session.until:
        return "Its time was over."
    return "The worker shuts down. Open another shell." if is_draining(worker) else ""


def record_transcript(session_id: int, name: str) -> None:
    """Where what was shown is kept, so far or in the end."""
    DebugSession.objects.filter(pk=session_id).update(transcript=name)
    build_id = DebugSession.objects.filter(pk=session_id).values_list("debug_image__build_id", flat=True).first()
    live.wake(f"build:{build_id}")


def sweep_shells(now: datetime) -> None:
    """From beat: sessions that no worker took, whose worker died, or whose time is over. Again finds nothing."""
    # A worker that starts anew on a host says which of that host are gone: their sessions need not wait.
    gone = set(Worker.objects.exclude(stopped_at=None).values_list("name", flat=True))
    for session in DebugSession.objects.open():
        if session.worker == "" and session.opened_at < now - TAKEN_WITHIN:
            close_shell(session.pk, "No worker had a free shell. Try again in a while, or use the `docker run` line.")
        elif session.worker in gone or (session.worker and (session.seen_at or session.opened_at) < now - SILENT):
            close_shell(session.pk, "The worker that ran it disappeared. Open another shell.")
        elif session.until < now - SILENT:
            close_shell(session.pk, "Its time was over.")


def _may_have(session: DebugSession) -> bool:
    build, user = session.debug_image.build, session.user
    trusted = build.is_pushed and not build.untrusted
    return trusted and user is not None and user.is_active and has_role(user, build.repository.namespace, Role.WRITE)


def _with_build() -> DebugSessionQuerySet:
    return DebugSession.objects.select_related(
        "user", "debug_image__build__repository__namespace", "debug_image__build__repository__registry"
    ).select_related("debug_image__build__source", "debug_image__build__rule")
