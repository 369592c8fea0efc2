"""The repositories that a connection listed, narrowed by what was typed; no page asks the forge itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from webhooks.actions.connections import request_listing
from webhooks.models import Asked, ForgeConnection

SHOWN = 30
FRESH = timedelta(minutes=15)


def picked(connection: ForgeConnection | None, typed: str | None, likely: str = "") -> dict[str, Any]:
    """What the list shows: matching rows, how many more there are, and whether a worker is asking.

    An old list is shown and asked for anew at the same time. Before anything was typed (None) it shows the `likely`
    one, where it has that.
    """
    if connection is None:
        return {"rows": [], "more": 0, "q": ""}
    is_old = connection.listed_at is None or connection.listed_at < timezone.now() - FRESH
    if is_old and connection.list_state != Asked.ASKED:
        request_listing(connection)
    rows = connection.repositories.all()
    if typed is None:
        typed = likely if likely and rows.filter(full_name__iexact=likely).exists() else ""
    query = typed.strip().replace("\0", "")[:255]
    for word in query.split():
        rows = rows.filter(full_name__icontains=word)
    found = list(rows[: SHOWN + 1])
    more = rows.count() - SHOWN if len(found) > SHOWN else 0
    return {"rows": found[:SHOWN], "more": more, "q": query}
