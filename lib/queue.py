"""Ring Celery after commit. The database is the truth: a lost ring delays work by a tick and loses nothing."""

from __future__ import annotations

from functools import partial
from typing import Any

import structlog
from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)


def enqueue(name: str, *args: int | str, expires_s: float | None = None) -> None:
    """Send the registered task `name` once the current transaction commits.

    A broker that is down is logged and forgiven: beat rings again for whatever the database says is due.
    Raises KeyError at commit for a name that no task is registered under.
    """
    transaction.on_commit(partial(_send, name, args, expires_s))


def _send(name: str, args: tuple[Any, ...], expires_s: float | None) -> None:
    task = current_app.tasks[name]
    try:
        options: dict[str, Any] = {} if expires_s is None else {"expires": expires_s}
        task.apply_async(args, ignore_result=True, retry=False, **options)
    except (OperationalError, OSError) as error:
        log.warning("doorbell not heard", task=name, error=str(error), broker=settings.CELERY_BROKER_KIND)
