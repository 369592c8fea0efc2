"""The end of a repository in this room: its rules and builds go with its row, its logs from where they are kept."""

from __future__ import annotations

from django.db import transaction

from accounts.models import User
from builds.actions.debug_images import tags_of
from builds.models import Build, DebugSession, LogArchive
from lib.queue import enqueue
from registry.actions import delete_repository
from registry.models import Repository

_AT_ONCE = 500


def remove_repository(actor: User, repository: Repository) -> None:
    """Delete `repository` with its source, rules, builds and logs. Images stay in the registry.

    A worker clears the stored logs afterwards, and its mirror of the Git repository at its next round. Raises Refused.
    """
    with transaction.atomic():
        builds = Build.objects.filter(repository=repository)
        stored = LogArchive.objects.filter(build__in=builds).order_by("build").values_list("build", flat=True)
        shown = DebugSession.objects.filter(debug_image__build__in=builds).exclude(transcript="")
        kept = shown.order_by("debug_image__build").values_list("debug_image__build", flat=True)
        logged = list(dict.fromkeys([*stored.distinct(), *kept.distinct()]))
        registry_id, path, debugged = repository.registry_id, repository.registry_path, tags_of(repository.pk)
        delete_repository(actor, repository)
        for first in range(0, len(logged), _AT_ONCE):
            enqueue("builds.forget_logs", *logged[first : first + _AT_ONCE])
        if debugged:
            enqueue("builds.remove_debug_tags", registry_id, path, *debugged)
