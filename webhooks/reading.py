"""Read-only questions about what goes out to forges. Changes nothing."""

from __future__ import annotations

from datetime import datetime

from django.utils.timezone import localtime

from lib.humanize import plural
from webhooks.models import CommitStatus, ForgeConnection

_WORDS = {"stopped": "error", "skipped": "success"}


def told_sentence(row: CommitStatus, connection: ForgeConnection, now: datetime) -> str:
    """What a person reads beside the build: whether the forge knows, and if not why and when it is tried again."""
    forge = connection.forge_name
    state = _WORDS.get(row.state, row.state)
    if row.is_told:
        return f"{forge} knows: {state}"
    if row.is_given_up:
        why = row.http_status or "no answer"
        return f"{forge} did not take it: {why}"
    paused = connection.paused_until if connection.paused_until and connection.paused_until > now else None
    tries = max(row.tries, connection.failures if paused else 0)
    if not tries:
        return f"{forge} is told soon: {state}"
    following = max([moment for moment in (paused, row.next_at) if moment])
    at = localtime(following)
    why = str(row.http_status) if row.http_status else "no answer"
    when = f"next at {at:%H:%M}" if following > now else "next in a moment"
    return f"{forge} has not taken it yet: {why}, tried {plural(tries, 'time')}, {when}"
