"""Ring Celery after commit. The database is the truth: a lost ring delays work by a tick and loses nothing."""

from __future__ import annotations

import time
from functools import lru_cache, partial
from typing import Any

import structlog
from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

# How long a broker that did not answer is left alone.
PAUSE_S = 5.0
TIMEOUT_S = 1.0
log = structlog.get_logger(__name__)


class _Broker:
    silent_until = 0.0


@lru_cache(maxsize=4)
def _client(url: str) -> Any:
    return Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=Retry(NoBackoff(), 0))


def enqueue(name: str, *args: int | str, expires_s: float | None = None, after_s: float = 0) -> None:
    """Send the registered task `name` once the current transaction commits, to be heard `after_s` later.

    A broker that is down is logged and forgiven: beat rings again for whatever the database says is due.
    Raises KeyError at commit for a name that no task is registered under.
    """
    transaction.on_commit(partial(_send, name, args, expires_s, after_s))


def _send(name: str, args: tuple[Any, ...], expires_s: float | None, after_s: float = 0) -> None:
    task = current_app.tasks[name]
    if time.monotonic() < _Broker.silent_until:
        return
    try:
        # Celery's own client tries for seconds before it gives up, while a person or a worker waits for it.
        _client(settings.REDIS_URL).ping()
        options: dict[str, Any] = {} if expires_s is None else {"expires": after_s + expires_s}
        if after_s:
            options["countdown"] = after_s
        task.apply_async(args, ignore_result=True, retry=False, **options)
    except (OperationalError, RedisError, OSError) as error:
        _Broker.silent_until = time.monotonic() + PAUSE_S
        log.warning("doorbell not heard", task=name, error=str(error), broker=settings.CELERY_BROKER_KIND)
