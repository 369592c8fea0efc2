"""The files that differ between two builds' commits: asked for by a person or found in passing, kept for good."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from builds.models import Build, Source
from builds.models.changes import CommitChanges
from lib.clock import database_now
from lib.queue import enqueue

MOST_FILES = 200
# A worker that was asked and died is asked again by whoever asks after this.
ASK_AGAIN = timedelta(seconds=60)


def ask_changes(before: Build, after: Build) -> CommitChanges | None:
    """Have a worker compare the commits of two builds of one source. None where there is nothing to compare.

    Asking again while a worker looks, or when it is known, does nothing.
    """
    source = after.source
    if source is None or not before.commit or not after.commit or before.commit == after.commit:
        return None
    now = database_now()
    with transaction.atomic():
        row, is_new = CommitChanges.objects.get_or_create(
            source=source, base=before.commit, head=after.commit, defaults={"asked_at": now}
        )
        open_rows = CommitChanges.objects.filter(pk=row.pk).exclude(state=CommitChanges.State.GOOD)
        stale = open_rows.filter(asked_at__lt=now - ASK_AGAIN).update(asked_at=now, state=CommitChanges.State.ASKED)
        if is_new or stale:
            enqueue("builds.compare_commits", after.pk, before.commit)
    return row


def keep_changes(source: Source, base: str, head: str, *, files: Sequence[str] = (), failed: str = "") -> None:
    """What differs between two commits; `failed` is a sentence where nobody can tell. A list that is there stays."""
    found: dict[str, Any] = {
        "state": CommitChanges.State.FAILED if failed else CommitChanges.State.GOOD,
        "sentence": failed[:300],
        "files": list(files[:MOST_FILES]),
        "total": len(files),
    }
    key = {"source": source, "base": base, "head": head}
    row, is_new = CommitChanges.objects.get_or_create(**key, defaults={**found, "asked_at": timezone.now()})
    if not is_new:
        CommitChanges.objects.filter(pk=row.pk).exclude(state=CommitChanges.State.GOOD).update(**found)
