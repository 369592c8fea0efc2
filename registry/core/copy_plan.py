"""What belongs to an image that is copied: its manifests from the bottom up, and the blobs that they point to.

Pure: bytes in. A manifest is read for what it points to and nothing else, so that kinds nobody has heard of pass.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from lib.humanize import format_size, short_digest
from registry.core.manifest import (
    INDEXES,
    MANIFESTS,
    Descriptor,
    Manifest,
    ManifestError,
    digest_of,
    read_descriptor,
)

MOST_MANIFESTS = 1000
MOST_BLOBS = 20_000
MOST_BYTES = 64 * 1024 * 1024
"""Of manifests, which are held until their parts are there."""
DEEPEST = 6

# Layers that may not be handed on: whoever pulls fetches them from their `urls` (OCI image-spec, "Non-Distributable").
_ELSEWHERE = ("application/vnd.oci.image.layer.nondistributable.", "application/vnd.docker.image.rootfs.foreign.")
# OCI image-spec, "Guidance for an Empty Descriptor": some never push these two bytes.
EMPTY = b"{}"
_EMPTY_DIGEST = digest_of(EMPTY)


@dataclass(frozen=True)
class Blob:
    """A blob that the copy needs. `inline` is its content, where that is known without asking."""

    digest: str
    size_bytes: int
    what: str
    inline: bytes | None = field(default=None, repr=False)

    @property
    def words(self) -> str:
        """For a sentence: "the layer `0123456789ab` (12.3 MB)"."""
        return f"the {self.what} `{short_digest(self.digest)}` ({format_size(self.size_bytes)})"


@dataclass(frozen=True)
class Parts:
    """What one manifest points to. `elsewhere` counts the layers that stay at their own addresses."""

    manifests: tuple[Descriptor, ...] = ()
    blobs: tuple[Blob, ...] = ()
    elsewhere: int = 0


def parts_of(manifest: Manifest) -> Parts:
    """Read what `manifest` points to. Raises `ManifestError` where that cannot be told.

    A manifest of a kind that is not known is read alike, and points to nothing where it is no JSON.
    """
    try:
        document = orjson.loads(manifest.body)
    except ValueError as error:
        if manifest.media_type in INDEXES | MANIFESTS:
            raise ManifestError("its manifest is not JSON") from error
        return Parts()
    if not isinstance(document, dict):
        return Parts()
    children = tuple(read_descriptor(item) for item in _items(document, "manifests"))
    found = [("configuration", document["config"])] if document.get("config") else []
    # `blobs` is what artifact manifests had before OCI 1.1 was final.
    found += [("layer", item) for name in ("layers", "blobs") for item in _items(document, name)]
    carried = [_blob(what, item) for what, item in found if not _stays_elsewhere(item)]
    return Parts(children, tuple(carried), len(found) - len(carried))


def _items(document: dict[str, Any], name: str) -> list[Any]:
    value = document.get(name)
    if value is not None and not isinstance(value, list):
        raise ManifestError(f"its manifest has no list of {name}")
    return value or []


def _stays_elsewhere(item: Any) -> bool:
    media_type, urls = (item.get("mediaType"), item.get("urls")) if isinstance(item, dict) else ("", None)
    return bool(urls) and isinstance(media_type, str) and media_type.startswith(_ELSEWHERE)


def _blob(what: str, item: Any) -> Blob:
    found = read_descriptor(item)
    inline = EMPTY if found.digest == _EMPTY_DIGEST else _data(item.get("data"), found)
    return Blob(found.digest, found.size_bytes, what, inline)


def _data(text: Any, found: Descriptor) -> bytes | None:
    """The content that a descriptor may carry itself, if it is the right one."""
    try:
        data = base64.b64decode(text, validate=True) if isinstance(text, str) else None
    except (binascii.Error, ValueError):
        return None
    return data if data is not None and digest_of(data, found.digest) == found.digest else None


def blob_of(child: Descriptor) -> Blob:
    """A child of an index that turned out to be no manifest: BuildKit lists the layers of its cache so."""
    return Blob(child.digest, child.size_bytes, "part")


class CopyPlan:
    """Gathers what is to be copied. Whatever a manifest points to has to be added before it."""

    def __init__(self) -> None:
        self.manifests: dict[str, Manifest] = {}
        self.blobs: dict[str, Blob] = {}
        self.elsewhere = 0
        self._bytes = 0

    @property
    def size_bytes(self) -> int:
        """All blobs, each once."""
        return sum(blob.size_bytes for blob in self.blobs.values())

    def add(self, manifest: Manifest, parts: Parts, more: Iterable[Blob] = ()) -> None:
        """Take in a manifest with its blobs. Raises `ManifestError` where it is more than any image has."""
        if manifest.digest in self.manifests:
            return
        self._bytes += len(manifest.body)
        self.manifests[manifest.digest] = manifest
        for blob in (*parts.blobs, *more):
            self.blobs.setdefault(blob.digest, blob)
        self.elsewhere += parts.elsewhere
        self.check()

    def check(self, *, coming: int = 0, depth: int = 0) -> None:
        """Raise `ManifestError` where there are too many parts, `coming` more manifests counted in, or they are nested
        too deep.
        """
        if coming and depth >= DEEPEST:
            raise ManifestError(f"its indexes stand in one another more than {DEEPEST} deep")
        if len(self.manifests) + coming > MOST_MANIFESTS or self._bytes > MOST_BYTES or len(self.blobs) > MOST_BLOBS:
            raise ManifestError(
                f"it has more parts than Imageyard copies ({MOST_MANIFESTS:,} manifests, {MOST_BLOBS:,} blobs, "
                f"{format_size(MOST_BYTES)} of manifests)"
            )
