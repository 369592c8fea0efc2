"""Comparing what forges say of our builds with what they should say, and telling again what is missing or different."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from django.db.models import Q

from builds.core.states import FINAL
from builds.models import Build
from webhooks.actions.statuses import want_again, want_for_build
from webhooks.errands.access import forge_of
from webhooks.errands.pauses import note_success, pause
from webhooks.forges import FINAL_STATES, Forge, ForgeError, Status
from webhooks.models import CommitStatus, ForgeConnection, SourceLink

SPAN = timedelta(hours=48)
SETTLED = timedelta(minutes=5)
CONFIRMED_FOR = timedelta(hours=12)
MOST_BUILDS = 500
MOST_COMMITS = 100
PATIENCE_S = 300.0


def reconcile(now: datetime) -> int:
    """Every build that ended in the last two days: is the forge told, and does it say so? Gives how many it was not.

    Harmless at any time and twice: what it finds wrong is only wanted again, and sent as everything else.
    """
    until, repaired = time.monotonic() + PATIENCE_S, 0
    repaired += sum(_want_what_nobody_wanted(link, now) for link in SourceLink.objects.filter(reports_status=True))
    free = Q(paused_until=None) | Q(paused_until__lte=now)
    for connection in ForgeConnection.objects.filter(free, links__reports_status=True).distinct():
        repaired += _compare(connection, now, until)
        if time.monotonic() > until:
            break
    return repaired


def _want_what_nobody_wanted(link: SourceLink, now: datetime) -> int:
    """Builds without a row: they ended before the source was linked, or their event was too old when it was read."""
    ended = Build.objects.filter(source_id=link.source_id, state__in=FINAL, finished_at__gt=now - SPAN)
    missing = list(ended.exclude(commit="").filter(commit_statuses=None).order_by("number")[:MOST_BUILDS])
    before = CommitStatus.objects.filter(source_id=link.source_id).count()
    for build in missing:
        want_for_build(build)
    return CommitStatus.objects.filter(source_id=link.source_id).count() - before


def _compare(connection: ForgeConnection, now: datetime, until: float) -> int:
    """The commits of a connection that were not compared for a while, one request each."""
    links = {link.source_id: link for link in connection.links.filter(reports_status=True)}
    rows = CommitStatus.objects.filter(
        Q(confirmed_at=None) | Q(confirmed_at__lt=now - CONFIRMED_FOR),
        Q(told_at__lt=now - SETTLED) | Q(is_given_up=True),
        source_id__in=links,
        state__in=FINAL_STATES,
        wanted_at__gt=now - SPAN,
    )
    commits = list(rows.order_by("wanted_at").values_list("source_id", "commit")[: MOST_COMMITS * 10])
    repaired = 0
    try:
        with forge_of(connection) as forge:
            for source_id, commit in list(dict.fromkeys(commits))[:MOST_COMMITS]:
                here = list(rows.filter(source_id=source_id, commit=commit))
                repaired += _compare_commit(forge, links[source_id], commit, here, now)
                if time.monotonic() > until:
                    break
            note_success(connection)
    except ForgeError as error:
        pause(connection, error, now)
    return repaired


def _compare_commit(forge: Forge, link: SourceLink, commit: str, rows: list[CommitStatus], now: datetime) -> int:
    try:
        found = {status.context.lower(): status for status in forge.statuses(link.full_name, commit)}
    except ForgeError as error:
        if error.concerns_all:
            raise
        return 0  # a commit that is gone, or a repository that this token does not see: its rows say so
    repaired = 0
    for row in rows:
        if _agrees(forge, row, found.get(row.context.lower())):
            CommitStatus.objects.filter(pk=row.pk, revision=row.revision).update(
                confirmed_at=now, told_revision=row.revision, is_given_up=False, sentence="", http_status=None
            )
        else:
            want_again(row)
            repaired += 1
    return repaired


def _agrees(forge: Forge, row: CommitStatus, found: Status | None) -> bool:
    """Whether the forge says what it was told, in its own words for the states; where it leads counts too."""
    if found is None:
        return False
    return found.state == forge.as_read(row.state) and found.target_url == row.target_url  # type: ignore[arg-type]  # the choices
