"""What tests of copies share: images in fake registries, signatures, and whether a copy is whole. No test."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from registry.client import Copied, Place, RegistryClient, copy_image
from registry.core.manifest import OCI_MANIFEST, Manifest
from tests.fake_registry import FakeRegistry
from tests.images import Image, as_manifest, descriptor, make_attestation, make_image, make_index, sha256

Connect = Callable[..., RegistryClient]
FROM, TO = "acme/web", "acme/prod"
EMPTY = "application/vnd.oci.empty.v1+json"


def put(fake: FakeRegistry, repository: str, image: Image, *references: str) -> str:
    """Have an image in a fake registry; gives its digest."""
    for digest, body in image.blobs.items():
        fake.state.blobs[digest] = body
        fake.state.owned.add((repository, digest))
    return put_manifest(fake, repository, image.manifest, *references)


def put_manifest(fake: FakeRegistry, repository: str, manifest: Manifest, *references: str) -> str:
    for reference in (manifest.digest, *references):
        fake.state.manifests[repository, reference] = (manifest.media_type, manifest.body)
    return manifest.digest


def put_index(fake: FakeRegistry, repository: str, *images: tuple[Image, str]) -> Manifest:
    for image, _ in images:
        put(fake, repository, image)
        put(fake, repository, make_attestation(image))
    index = as_manifest(make_index(*images))
    put_manifest(fake, repository, index)
    return index


def make_artifact(subject: Manifest | None, text: str = "signed", **more: Any) -> Image:
    """What is no image: an empty configuration, one blob, and the manifest that it speaks of."""
    content = text.encode()
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": "application/vnd.acme.signature",
        "config": descriptor(b"{}", EMPTY),
        "layers": [descriptor(content, "application/octet-stream")],
        **({"subject": descriptor(subject.body, subject.media_type)} if subject else {}),
        **more,
    }
    return Image(as_manifest(document), {sha256(content): content, sha256(b"{}"): b"{}"})


def changed(image: Image, **fields: Any) -> Image:
    """The image with other fields in its manifest."""
    return Image(as_manifest({**json.loads(image.manifest.body), **fields}), image.blobs)


def copied(
    connect: Connect, one: FakeRegistry, other: FakeRegistry, digest: str, user: str = "", **more: Any
) -> Copied:
    """Copy from `acme/web` of one registry to `acme/prod` of another, or of the same."""
    account = (user, "secret-of-bot") if user else ()
    source = connect(one.host, *account)
    target = source if other is one else connect(other.host, *account)
    return copy_image(Place(source, FROM), Place(target, TO), digest, **more)


def has(fake: FakeRegistry, repository: str, image: Image) -> bool:
    """Whether the repository holds the image, bit for bit."""
    found = fake.state.manifests.get((repository, image.manifest.digest))
    blobs = all((repository, digest) in fake.state.owned for digest in image.blobs)
    return found == (image.manifest.media_type, image.manifest.body) and blobs


__all__ = ["FROM", "TO", "Connect", "changed", "copied", "has", "make_artifact", "make_image", "put", "put_index"]
