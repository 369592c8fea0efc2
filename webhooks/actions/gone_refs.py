"""What a delivery tells of refs that came or went: tags that die with their branch or pull request wait for that."""

from __future__ import annotations

from builds.actions.gone_refs import note_back, note_gone
from builds.models import Source
from webhooks.providers import Event, ManyPushes, PullRequestEvent, PushEvent


def note_refs(source: Source, event: Event) -> None:
    """Write down what was deleted or closed, and what is there again; inside the caller's transaction."""
    if isinstance(event, PullRequestEvent):
        if event.action == "closed":
            note_gone(source, "pull_request", str(event.number))
        elif event.action in ("opened", "reopened"):
            note_back(source, "pull_request", str(event.number))
        return
    for change in event.changes if isinstance(event, ManyPushes) else (event,):
        if not isinstance(change, PushEvent) or change.ref.type != "branch":
            continue
        if change.deleted:
            note_gone(source, "branch", change.ref.name)
        elif not change.before:
            note_back(source, "branch", change.ref.name)
