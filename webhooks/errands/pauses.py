"""When a forge is asked again that was away, refused the token or asked to be left alone. Reads no clock."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from webhooks.forges import ForgeError
from webhooks.models import ForgeConnection

_FIRST_S = 20.0
_MOST_S = 1800.0
_SPREAD = 0.2


def pause_s(failures: int, error: ForgeError) -> float:
    """Seconds until the next try after `failures` in a row: twice as long each time, half an hour at most.

    What the forge asked for counts where that is longer. Jittered, so that what failed together comes back apart.
    """
    backoff: float = min(_FIRST_S * 2 ** min(failures - 1, 10), _MOST_S) * random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311 — no secret
    return max(backoff, (error.wait_s or 0.0) + random.uniform(1, 5))  # noqa: S311 — as above


def pause(connection: ForgeConnection, error: ForgeError, now: datetime) -> datetime:
    """Nothing is asked with this connection for a while. Gives until when."""
    failures = connection.failures + 1
    until = now + timedelta(seconds=pause_s(failures, error))
    ForgeConnection.objects.filter(pk=connection.pk).update(
        paused_until=until, failures=min(failures, 30_000), failing_sentence=error.sentence
    )
    connection.paused_until, connection.failures, connection.failing_sentence = until, failures, error.sentence
    return until


def note_success(connection: ForgeConnection) -> None:
    """The forge answers again."""
    if connection.failures or connection.paused_until:
        ForgeConnection.objects.filter(pk=connection.pk).update(paused_until=None, failures=0, failing_sentence="")
        connection.paused_until, connection.failures, connection.failing_sentence = None, 0, ""
