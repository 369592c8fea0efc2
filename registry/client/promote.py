"""The whole of a copy as callers want it: an image with everything that it points to, and what refers to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from registry.client.blob_copy import Place
from registry.client.copy import ImageCopy
from registry.client.copy_referrers import ReferrerCopy
from registry.core.manifest import Manifest


@dataclass(frozen=True)
class Copied:
    """What was copied. `sent_bytes` went over the wire; the rest of `size_bytes` was there, or was mounted.

    `elsewhere` counts layers that stay at their own addresses. `left_out` has a sentence for each signature or the like
    that could not be copied.
    """

    manifest: Manifest
    size_bytes: int
    sent_bytes: int
    mounted: int
    elsewhere: int
    referrers: int = 0
    left_out: tuple[str, ...] = ()


def copy_image(
    source: Place,
    target: Place,
    digest: str,
    *,
    referrers: bool = True,
    told: Callable[[int, int], None] = lambda _done, _total: None,
    check: Callable[[], None] = lambda: None,
) -> Copied:
    """Copy an image by digest, bit for bit, and put no tag on it. Raises `RegistryError`, and what `check` raises.

    `told` hears of bytes done and of bytes in all, from several threads, one call at a time; `check` is called all the
    time, and stops the copy by what it raises. A copy that ended early goes on where it was, and twice is harmless.
    """
    work = ImageCopy(source, target, told=told, check=check)
    manifest, plan = work.read(digest)
    blobs = work.carry_out(plan)
    others = ReferrerCopy(work)
    if referrers:
        others.of_image(manifest, plan)
    return Copied(
        manifest,
        plan.size_bytes,
        blobs.sent_bytes,
        blobs.mounted,
        plan.elsewhere,
        others.copied,
        tuple(others.left_out),
    )
