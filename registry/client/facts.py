"""Gathers what `registry.core.image` needs to describe an image: its manifests and its configuration."""

from __future__ import annotations

from typing import Protocol

from registry.core.errors import RegistryError, RegistryErrorKind
from registry.core.image import ImageConfig, ImageFacts, main_image, parse_config, summarise
from registry.core.manifest import ImageIndex, ImageManifest, Manifest, parse_manifest

# A hostile index may name thousands of images; no page shows more than these.
MAX_PLATFORMS = 50


class Reader(Protocol):
    """The two calls that are needed; `RegistryClient` has them."""

    def find(self, repository: str, reference: str) -> Manifest | None: ...
    def blob(self, repository: str, digest: str) -> bytes: ...


def read_facts(reader: Reader, repository: str, manifest: Manifest) -> ImageFacts:
    """Read the facts of `manifest`. Parts that the registry no longer has are left out and show as unknown sizes.

    Raises `RegistryError` where it fails otherwise, `ManifestError` where a document is not what it says.
    """
    parsed = parse_manifest(manifest)
    if isinstance(parsed, ImageManifest):
        return summarise(manifest, parsed, {}, _config(reader, repository, parsed))
    images = _images(reader, repository, parsed)
    chosen = main_image(parsed)
    main = images.get(chosen.digest) if chosen else None
    return summarise(manifest, parsed, images, _config(reader, repository, main) if main else ImageConfig())


def _images(reader: Reader, repository: str, index: ImageIndex) -> dict[str, ImageManifest]:
    images = {}
    for item in index.images[:MAX_PLATFORMS]:
        found = reader.find(repository, item.digest)
        parsed = parse_manifest(found) if found else None
        if isinstance(parsed, ImageManifest):
            images[item.digest] = parsed
    return images


def _config(reader: Reader, repository: str, image: ImageManifest) -> ImageConfig:
    if image.artifact_type:
        return ImageConfig()
    try:
        return parse_config(reader.blob(repository, image.config.digest))
    except RegistryError as error:
        if error.kind is RegistryErrorKind.NOT_FOUND:
            return ImageConfig()
        raise
