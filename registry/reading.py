"""Read-only questions of pages about registries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.cache import cache

from lib.queue import enqueue

HUB_CACHE_KEY = "hub-cache"
_FRESH_S = 60
_RANG_KEY = "hub-cache-rang"


@dataclass(frozen=True, slots=True)
class HubCache:
    """The cache for Docker Hub: off, or at `host` with what a worker found there last; None where none looked yet."""

    host: str
    answers: bool | None = None
    sentence: str = ""
    size_bytes: int | None = None

    @property
    def is_on(self) -> bool:
        return bool(self.host)


def hub_cache_state() -> HubCache:
    """How the cache is; a worker is asked to look again where the last look is old."""
    host = settings.HUB_CACHE
    if not host:
        return HubCache("")
    found: Any = cache.get(HUB_CACHE_KEY)
    if cache.add(_RANG_KEY, 1, _FRESH_S):
        enqueue("registry.look_at_hub_cache", expires_s=_FRESH_S)
    if not isinstance(found, dict) or found.get("host") != host:
        return HubCache(host)
    return HubCache(host, found.get("answers"), str(found.get("sentence", "")), found.get("size_bytes"))
