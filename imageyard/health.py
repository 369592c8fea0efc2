"""`/healthz`: web serves. `/readyz`: everything a build needs answers, or which part does not."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from builds.core.disk import Disk, Holds, disk_fault, low_disks
from builds.models import Worker
from lib.disks import free_bytes
from registry.actions import default_registry
from registry.client import RegistryError
from registry.opening import open_client

log = logging.getLogger(__name__)
OK = "ok"
FRESH_S = 1.0


def healthz(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": OK})


def readyz(_request: HttpRequest) -> JsonResponse:
    """200 with `{"status": "ok", "parts": {...}}`, or 503 where a part does not answer; each part says why.

    Anybody may ask, as often as they like: the parts are asked once in a second.
    """
    with _asking:
        if time.monotonic() - _Last.at > FRESH_S:
            _Last.found, _Last.at = _ask_all(), time.monotonic()
        found = _Last.found
    well = all(answer == OK for answer in found.values())
    return JsonResponse({"status": OK if well else "unavailable", "parts": found}, status=200 if well else 503)


class _Last:
    """The newest answers, and when they came."""

    at = -FRESH_S
    found: ClassVar[dict[str, str]] = {}


_asking = threading.Lock()


def _ask_all() -> dict[str, str]:
    parts: dict[str, Callable[[], str]] = {
        "database": _database,
        "redis": _redis,
        "registry": _registry,
        "worker": _worker,
        "builder": _builder,
        "disk": _disk,
    }
    with ThreadPoolExecutor(max_workers=len(parts)) as pool:
        return dict(zip(parts, pool.map(_ask, parts.values()), strict=True))


def _ask(part: Callable[[], str]) -> str:
    try:
        return part()
    except Exception as error:  # whatever a part raises, the answer names the part and goes on
        # What a database or a driver says may name hosts and users, and anybody may read this.
        log.warning("a part is not ready", exc_info=error)
        return f"It does not answer ({type(error).__name__}); the log of web says more."
    finally:
        connection.close()


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return OK


def _redis() -> str:
    try:
        options: dict[str, Any] = {"socket_timeout": 2, "socket_connect_timeout": 2, "retry": Retry(NoBackoff(), 0)}
        with Redis.from_url(settings.REDIS_URL, **options) as redis:
            redis.ping()
    except RedisError as error:
        return f"Redis does not answer ({type(error).__name__})."
    return OK


def _registry() -> str:
    registry = default_registry()
    try:
        with open_client(registry) as client:
            client.ping()
    except RegistryError as error:
        return error.message
    return OK


def _worker() -> str:
    alive = Worker.objects.alive().filter(draining_since=None)
    return OK if alive.exists() else "No worker has reported within the last 35 s."


def _disk() -> str:
    """That of web itself, and those of workers, unless one of them has room."""
    free, total = free_bytes(settings.HOME)
    own = [Disk((Holds.DATA,), free, total, settings.MIN_FREE_BYTES)]
    if low := low_disks(own):
        return disk_fault(socket.gethostname(), low)
    faults = list(Worker.objects.alive().values_list("disk_fault", flat=True))
    return OK if not faults or "" in faults else faults[0]


def _builder() -> str:
    faults = list(Worker.objects.alive().values_list("builder_fault", flat=True))
    if not faults:
        return "No worker is there to say."
    return OK if "" in faults else faults[0]
