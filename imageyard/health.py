"""`/healthz`: web serves. `/readyz`: everything a build needs answers, or which part does not."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse
from redis import Redis
from redis.exceptions import RedisError

from builds.models import Worker
from registry.actions import default_registry
from registry.client import RegistryClient, RegistryError

OK = "ok"


def healthz(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": OK})


def readyz(_request: HttpRequest) -> JsonResponse:
    """200 with `{"status": "ok", "parts": {...}}`, or 503 where a part does not answer; each part says why."""
    parts: dict[str, Callable[[], str]] = {
        "database": _database,
        "redis": _redis,
        "registry": _registry,
        "worker": _worker,
        "builder": _builder,
    }
    with ThreadPoolExecutor(max_workers=len(parts)) as pool:
        found = dict(zip(parts, pool.map(_ask, parts.values()), strict=True))
    well = all(answer == OK for answer in found.values())
    return JsonResponse({"status": OK if well else "unavailable", "parts": found}, status=200 if well else 503)


def _ask(part: Callable[[], str]) -> str:
    try:
        return part()
    except Exception as error:  # noqa: BLE001 — whatever a part raises, the answer names the part and goes on
        return f"{type(error).__name__}: {error}"[:200]
    finally:
        connection.close()


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return OK


def _redis() -> str:
    try:
        with Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2) as redis:
            redis.ping()
    except RedisError as error:
        return f"Redis does not answer: {error}"
    return OK


def _registry() -> str:
    registry = default_registry()
    try:
        with RegistryClient(registry.host, registry.scheme, registry.username, registry.password) as client:
            client.ping()
    except RegistryError as error:
        return error.message
    return OK


def _worker() -> str:
    alive = Worker.objects.alive().filter(draining_since=None)
    return OK if alive.exists() else "No worker has reported within the last 35 s."


def _builder() -> str:
    faults = list(Worker.objects.alive().values_list("builder_fault", flat=True))
    if not faults:
        return "No worker is there to say."
    return OK if "" in faults else faults[0]
