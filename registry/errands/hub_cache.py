"""Looking at the cache for Docker Hub: whether it answers, and how much it holds where it is on this machine."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.core.cache import cache

from registry.client import RegistryClient, RegistryError
from registry.reading import HUB_CACHE_KEY

_KEPT_S = 3600


def look_at_hub_cache() -> None:
    """Ask it, and keep the answer for the page."""
    host = settings.HUB_CACHE
    if host:
        cache.set(HUB_CACHE_KEY, {"host": host, **_look(host)}, _KEPT_S)


def _look(host: str) -> dict[str, object]:
    size = _size(settings.HOME / "hub-cache")
    try:
        with RegistryClient(host, "http") as client:
            client.ping()
    except RegistryError as error:
        sentence = f"{error.message} Builds ask Docker Hub itself meanwhile."
        return {"answers": False, "sentence": sentence, "size_bytes": size}
    return {"answers": True, "sentence": "", "size_bytes": size}


def _size(folder: Path) -> int | None:
    """What its blobs take; None where they are elsewhere."""
    blobs = folder / "docker/registry/v2/blobs"
    if not blobs.is_dir():
        return None
    total = 0
    for file in blobs.rglob("data"):
        try:
            total += file.stat().st_size
        except OSError:  # forgotten meanwhile
            continue
    return total
