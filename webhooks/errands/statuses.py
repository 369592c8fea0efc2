"""Telling forges how builds stand: every due row once, one worker at a row, until the forge has the final word."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db.models import F, Q

from lib.clock import database_now
from webhooks.errands.access import forge_of
from webhooks.errands.pauses import note_success, pause, pause_s
from webhooks.forges import Forge, ForgeError, Status
from webhooks.models import CommitStatus, ForgeConnection, SourceLink
from webhooks.models.status import MOST_WAIT

LEASE = timedelta(seconds=120)
"""Longer than any request may take (15 s, and one more where the repository has moved)."""
BATCH = 50
PATIENCE_S = 60.0


def send_statuses(now: datetime) -> int:
    """Send what is due, forge by forge; gives how many were taken. Two workers share the work."""
    until = time.monotonic() + PATIENCE_S
    taken = 0
    for connection in _connections(now):
        # One worker at a connection: a forge that is slow must not hold up more of them than one. Correctness rests on
        # the lease of each row alone.
        lock = f"sending-statuses:{connection.pk}"
        if not cache.add(lock, 1, LEASE.total_seconds()):
            continue
        try:
            taken += _send_for(connection, now, until)
        finally:
            cache.delete(lock)
        if time.monotonic() > until:
            break
    return taken


def _connections(now: datetime) -> list[ForgeConnection]:
    """Connections with something to send that are not paused. One that is paused for days is so by a wrong clock."""
    due = CommitStatus.objects.due(now).values("source_id")
    free = Q(paused_until=None) | Q(paused_until__lte=now) | Q(paused_until__gt=now + MOST_WAIT)
    linked = SourceLink.objects.filter(source_id__in=due, reports_status=True)
    return list(ForgeConnection.objects.filter(free, pk__in=linked.values("connection_id")))


def _send_for(connection: ForgeConnection, now: datetime, until: float) -> int:
    """The due rows of one connection, oldest wish first, until the forge has something against all of them."""
    links = {link.source_id: link for link in connection.links.filter(reports_status=True)}
    rows = CommitStatus.objects.due(now).filter(source_id__in=links).order_by("wanted_at", "pk")
    ids = list(rows.values_list("pk", flat=True)[:BATCH])
    taken = 0
    try:
        with forge_of(connection) as forge:
            for pk in ids:
                row = _claim(pk, now)
                if row is None:
                    continue
                try:
                    _tell(forge, links[row.source_id], row)
                except ForgeError as error:
                    _failed(row, error, now)
                    if error.concerns_all:
                        raise
                else:
                    _told(row)
                    note_success(connection)
                    taken += 1
                if time.monotonic() > until:
                    break
    except ForgeError as error:
        paused = pause(connection, error, now)
        CommitStatus.objects.untold().filter(pk__in=ids).update(
            sentence=error.sentence, http_status=error.status, next_at=paused
        )
    return taken


def _claim(pk: int, now: datetime) -> CommitStatus | None:
    """The row as it is now, for this worker alone; None where another one has it, or it was sent meanwhile."""
    if not CommitStatus.objects.due(now).filter(pk=pk).update(lease_until=now + LEASE):
        return None
    return CommitStatus.objects.get(pk=pk)


def _tell(forge: Forge, link: SourceLink, row: CommitStatus) -> None:
    status = Status(row.context, row.state, row.description, row.target_url)  # type: ignore[arg-type]  # the choices
    try:
        forge.set_status(link.full_name, row.commit, status)
    except ForgeError as error:
        if error.kind != "moved":
            raise
        # Renamed or given to another owner: a GET is led on, anything else only told that it moved.
        found = forge.repository(link.full_name)
        SourceLink.objects.filter(pk=link.pk).update(full_name=found.full_name, forge_id=found.id)
        link.full_name = found.full_name
        forge.set_status(link.full_name, row.commit, status)


def _told(row: CommitStatus) -> None:
    """The forge has this revision. Where a newer one is wanted meanwhile the row stays due."""
    CommitStatus.objects.filter(pk=row.pk).update(
        told_revision=row.revision,
        told_at=database_now(),
        lease_until=None,
        tries=0,
        sentence="",
        http_status=None,
    )


def _failed(row: CommitStatus, error: ForgeError, now: datetime) -> None:
    """Try it again after a pause, or never where that cannot help. A newer revision starts anew."""
    CommitStatus.objects.filter(pk=row.pk).update(lease_until=None)
    CommitStatus.objects.filter(pk=row.pk, revision=row.revision).update(
        tries=F("tries") + 1,
        sentence=error.sentence,
        http_status=error.status,
        next_at=now + timedelta(seconds=pause_s(row.tries + 1, error)),
        is_given_up=not error.may_pass,
    )
