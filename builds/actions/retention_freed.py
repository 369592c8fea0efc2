"""How much room the tags that go would give back, before anything is collected: an estimate.

What builds left of their layers counts: those of an image that goes, unless an image that stays has them too. Of
images that no build of ours made only the size is known, and all of it counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from builds.models import BuildRecord
from registry.core.retention import Decision
from registry.models import Repository

MOST_READ = 1_000
"""Images whose layers a page reads; a run reads as many as there are."""
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Freed:
    """`size_bytes` is at most what comes free where not all layers were looked at."""

    size_bytes: int
    is_most: bool


def freed_by(repository: Repository, decisions: Sequence[Decision], *, most_read: int | None = MOST_READ) -> Freed:
    """What would come free, as far as this repository is concerned."""
    staying = {decision.tag.digest for decision in decisions if not decision.goes}
    sizes = {
        decision.tag.digest: decision.tag.size_bytes or 0
        for decision in decisions
        if decision.goes and decision.tag.digest not in staying
    }
    if not sizes:
        return Freed(0, is_most=False)
    if most_read is not None and len(staying) + len(sizes) > most_read:
        return Freed(sum(sizes.values()), is_most=True)
    kept: set[str] = set()
    known: dict[str, dict[str, int]] = {}
    for digest, layers in _layers(repository, [*staying, *sizes]):
        if digest in staying:
            kept.update(layers)
        else:
            known[digest] = layers
    freed: dict[str, int] = {}
    for layers in known.values():
        freed |= {digest: size for digest, size in layers.items() if digest not in kept}
    unknown = sum(size for digest, size in sizes.items() if digest not in known)
    return Freed(sum(freed.values()) + unknown, is_most=bool(unknown))


def _layers(repository: Repository, digests: Sequence[str]) -> Iterable[tuple[str, dict[str, int]]]:
    """Layers with their sizes of each image of which a build is known; one query for some hundred images."""
    for start in range(0, len(digests), _BATCH):
        rows = BuildRecord.objects.filter(
            build__repository=repository, build__digest__in=digests[start : start + _BATCH]
        )
        for digest, platforms in rows.values_list("build__digest", "platforms").order_by():
            if platforms:
                yield digest, _of(platforms)


def _of(platforms: list[dict[str, Any]]) -> dict[str, int]:
    return {
        layer["digest"]: layer.get("size_bytes") or 0
        for platform in platforms
        for layer in platform.get("layers", ())
        if layer.get("digest")
    }
