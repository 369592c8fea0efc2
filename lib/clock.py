"""The one clock that all hosts share, the database's: leases and locks go by it, and a host's own may be off."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.utils import timezone


def database_now() -> datetime:
    """The database's time, aware. SQLite lives on this host, so there it is this host's."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        # Not now(): that stands still within a transaction, which may have waited for a lock.
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found
