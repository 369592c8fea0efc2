"""Manifests as a registry stores them: media types, digests, and what stands inside. No HTTP: bytes and headers in.

Formats: OCI image-spec 1.1 (`manifest.md`, `image-index.md`), Docker "Image Manifest Version 2, Schema 2".
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

import orjson

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
# All four, always: with fewer Distribution 2.8 answers 404, or rewrites to schema 1, whose digest is another.
ACCEPT = f"{OCI_INDEX}, {OCI_MANIFEST}, {DOCKER_LIST}, {DOCKER_MANIFEST}"
STAND_IN = "imageyard.removed-tag"
ATTESTATION = "attestation-manifest"

_DIGEST = re.compile(r"(sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})\Z")
_MAX_SIZE = 2**63 - 1


class ManifestError(ValueError):
    """The document is not one we can use; the text is a clause for a sentence ("its manifest is not JSON")."""


@dataclass(frozen=True)
class Manifest:
    """A manifest or index, byte for byte: what is put under another tag must have the same digest."""

    digest: str
    media_type: str
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Platform:
    """What an image runs on; written `linux/arm/v7`."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


@dataclass(frozen=True)
class Descriptor:
    """A pointer to content: digest, media type, size in bytes, and in an index the platform."""

    digest: str
    media_type: str
    size_bytes: int
    platform: Platform | None = None
    annotations: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_attestation(self) -> bool:
        """BuildKit's provenance or SBOM, which stands in the index as an image for `unknown/unknown`."""
        return self.annotations.get("vnd.docker.reference.type") == ATTESTATION


@dataclass(frozen=True)
class ImageManifest:
    """One image for one platform. `artifact_type` is not empty where it is no image but a chart or the like."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    artifact_type: str = ""


@dataclass(frozen=True)
class ImageIndex:
    """Several images under one digest."""

    manifests: tuple[Descriptor, ...]

    @property
    def images(self) -> tuple[Descriptor, ...]:
        """The images that something can run: neither attestations nor other unknown platforms nor nested indexes."""
        return tuple(
            item
            for item in self.manifests
            if not item.is_attestation
            and item.media_type in MANIFESTS
            and (item.platform is None or item.platform.os != "unknown")
        )

    @property
    def attestations(self) -> int:
        return sum(item.is_attestation for item in self.manifests)


def is_digest(text: str) -> bool:
    """Say whether `text` is a digest that can be verified: `sha256:` or `sha512:` and lower-case hex."""
    return bool(_DIGEST.match(text))


def digest_of(body: bytes, like: str = "sha256:") -> str:
    """Compute the digest of `body` with the algorithm of the digest `like`."""
    algorithm = "sha512" if like.startswith("sha512:") else "sha256"
    return f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"


def read_manifest(
    body: bytes, content_type: str, digest: str = "", asked: str = "", *, of_any_kind: bool = False
) -> Manifest:
    """Make a `Manifest` of an answer and verify it. Raises `ManifestError`.

    `digest` is the header `Docker-Content-Digest` (empty where the registry sends none), `asked` the reference that
    was asked for: where that is a digest, the content must have it. `of_any_kind` takes media types that are no image,
    for whoever hands them on as they are; schema 1 is never taken.
    """
    if of_any_kind and (foreign := _foreign_type(body, content_type)):
        media_type = foreign
    else:
        media_type = _media_type(read_object(body), content_type)
    for expected in (digest, asked if ":" in asked else ""):
        if expected and (not is_digest(expected) or digest_of(body, expected) != expected):
            raise ManifestError(
                "its content does not have the digest that it is stored under; it was changed or cut short on the way"
            )
    return Manifest(digest or (asked if ":" in asked else digest_of(body)), media_type, body)


def _foreign_type(body: bytes, content_type: str) -> str:
    """The media type that an answer has, where that is none of an image and not schema 1; else ""."""
    sent = content_type.partition(";")[0].strip().lower()
    generic = {"", "application/json", "text/plain", "application/octet-stream"}
    try:
        document = read_object(body)
    except ManifestError:
        document = {}
    inside = document.get("mediaType")
    media_type = inside if isinstance(inside, str) and inside and sent in generic else sent
    is_schema_1 = document.get("schemaVersion") == 1 or "docker.distribution.manifest.v1+" in sent
    return "" if is_schema_1 or media_type in INDEXES | MANIFESTS | generic else media_type


def _media_type(document: dict[str, Any], content_type: str) -> str:
    sent = content_type.partition(";")[0].strip().lower()
    inside = str(document.get("mediaType") or "")
    if document.get("schemaVersion") == 1 or "docker.distribution.manifest.v1+" in sent:
        raise ManifestError(
            "it is stored in Docker's schema 1 format, which ended in 2019 and has no usable digest; "
            "push it again with a current Docker"
        )
    if "manifests" in document and ("layers" in document or "config" in document):
        # CVE-2021-41190: read as an index and as an image it would be two different things.
        raise ManifestError("its manifest claims to be an image and an index at once")
    shape = OCI_INDEX if "manifests" in document else OCI_MANIFEST
    known = INDEXES if "manifests" in document else MANIFESTS
    media_type = inside or (sent if sent.startswith("application/vnd.") else shape)
    if media_type not in known or (sent in INDEXES | MANIFESTS and sent != media_type):
        raise ManifestError(f"its media type is not one of a container image: {media_type[:100]!r}")
    return media_type


def parse_manifest(manifest: Manifest) -> ImageManifest | ImageIndex:
    """Read what stands in a manifest. Raises `ManifestError` where a part that it must have is absent or wrong."""
    document = read_object(manifest.body)
    if manifest.media_type in INDEXES:
        return ImageIndex(tuple(read_descriptor(item) for item in _list(document, "manifests")))
    config = read_descriptor(document.get("config"))
    layers = tuple(read_descriptor(item) for item in _list(document, "layers"))
    artifact_type = document.get("artifactType") or ""
    if not artifact_type and config.media_type not in _CONFIGS:
        artifact_type = config.media_type
    return ImageManifest(config, layers, str(artifact_type)[:200])


def stand_in(manifest: Manifest, mark: str) -> Manifest:
    """Make a manifest that points to the same content and has a digest of its own, as `mark` is new every time."""
    document = read_object(manifest.body)
    annotations = document.get("annotations")
    document["annotations"] = {**(annotations if isinstance(annotations, dict) else {}), STAND_IN: mark}
    body = orjson.dumps(document)
    return Manifest(digest_of(body), manifest.media_type, body)


_CONFIGS = frozenset({"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"})


def read_object(body: bytes) -> dict[str, Any]:
    """Read the JSON object that a manifest is. Raises `ManifestError`."""
    try:
        document = orjson.loads(body)
    except ValueError as error:
        raise ManifestError("its manifest is not JSON") from error
    if not isinstance(document, dict):
        raise ManifestError("its manifest is not a JSON object")
    return document


def _list(document: dict[str, Any], name: str) -> list[Any]:
    value = document.get(name)
    if not isinstance(value, list):
        raise ManifestError(f"its manifest has no list of {name}")
    return value


def read_descriptor(value: Any) -> Descriptor:
    """Read a pointer to content as it stands in a manifest. Raises `ManifestError` where nothing can be found by it."""
    if not isinstance(value, dict):
        raise ManifestError("its manifest points to nothing where content should be named")
    digest, size, media_type = value.get("digest"), value.get("size"), value.get("mediaType", "")
    if not isinstance(digest, str) or not is_digest(digest) or not isinstance(media_type, str):
        raise ManifestError("its manifest points to content without a usable digest")
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= _MAX_SIZE:
        raise ManifestError("its manifest gives content without a size")
    annotations = value.get("annotations")
    pairs = annotations.items() if isinstance(annotations, dict) else ()
    texts = {key: text for key, text in pairs if isinstance(text, str)}
    return Descriptor(digest, media_type, size, _platform(value.get("platform")), texts)


def _platform(value: Any) -> Platform | None:
    if not isinstance(value, dict):
        return None
    texts = [value.get(key) for key in ("os", "architecture", "variant")]
    os, architecture, variant = (text[:40] if isinstance(text, str) else "" for text in texts)
    return Platform(os, architecture, variant) if os else None
