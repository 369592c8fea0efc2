"""Makes tiny images, indexes and attestations and pushes them through a registry's API: no Docker, not our client."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass

import httpx

from registry.core.manifest import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Manifest

OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def sha256(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def layer(name: str, content: bytes) -> bytes:
    """A gzipped tar with one file, the same bytes every time."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(tar.getvalue(), mtime=0)


@dataclass(frozen=True)
class Image:
    """A manifest and the blobs that it points to, by digest."""

    manifest: Manifest
    blobs: dict[str, bytes]


def make_image(text: str = "hello", *, architecture: str = "amd64", docker: bool = False, variant: str = "") -> Image:
    """An image of two layers; the first is the same in every image, the second holds `text`."""
    layers = [layer("base", b"the same everywhere"), layer("app", text.encode())]
    config = {
        "os": "linux",
        "architecture": architecture,
        **({"variant": variant} if variant else {}),
        "created": "2026-11-25T12:00:00.123456789Z",
        "config": {"Cmd": ["cat", "/app"], "Env": ["PATH=/bin"], "Labels": {"org.opencontainers.image.title": "hello"}},
        "rootfs": {"type": "layers", "diff_ids": [sha256(gzip.decompress(item)) for item in layers]},
        "history": [
            {"created_by": "COPY base /"},
            {"created_by": 'CMD ["cat" "/app"]', "empty_layer": True},
            {"created_by": "COPY app /"},
        ],
    }
    body = json.dumps(config).encode()
    types = (DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER) if docker else (OCI_MANIFEST, OCI_CONFIG, OCI_LAYER)
    manifest = {
        "schemaVersion": 2,
        "mediaType": types[0],
        "config": descriptor(body, types[1]),
        "layers": [descriptor(item, types[2]) for item in layers],
    }
    return Image(as_manifest(manifest), {sha256(item): item for item in (body, *layers)})


def make_attestation(image: Image) -> Image:
    """An attestation manifest as BuildKit makes one for `image`, with an empty in-toto statement."""
    config, statement = b'{"architecture":"unknown","os":"unknown"}', b'{"_type":"https://in-toto.io/Statement/v0.1"}'
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(config, OCI_CONFIG),
        "layers": [descriptor(statement, "application/vnd.in-toto+json")],
    }
    return Image(as_manifest(manifest), {sha256(item): item for item in (config, statement)})


def make_index(*images: tuple[Image, str], attested: bool = True, docker: bool = False) -> dict:
    """An index document of `(image, "linux/arm/v7")` pairs, each with its attestation where `attested`."""
    entries = []
    for image, platform in images:
        os, architecture, *variant = platform.split("/")
        entry = descriptor(image.manifest.body, image.manifest.media_type)
        entry["platform"] = {"os": os, "architecture": architecture, **({"variant": variant[0]} if variant else {})}
        entries.append(entry)
    for image, _ in images if attested else ():
        entry = descriptor(make_attestation(image).manifest.body, OCI_MANIFEST)
        entry["platform"] = {"os": "unknown", "architecture": "unknown"}
        entry["annotations"] = {
            "vnd.docker.reference.digest": image.manifest.digest,
            "vnd.docker.reference.type": "attestation-manifest",
        }
        entries.append(entry)
    return {"schemaVersion": 2, "mediaType": DOCKER_LIST if docker else OCI_INDEX, "manifests": entries}


def descriptor(body: bytes, media_type: str) -> dict:
    return {"mediaType": media_type, "digest": sha256(body), "size": len(body)}


def as_manifest(document: dict) -> Manifest:
    body = json.dumps(document).encode()
    return Manifest(sha256(body), document["mediaType"], body)


class Pusher:
    """Pushes to one repository of a registry that wants no log-in."""

    def __init__(self, host: str, repository: str) -> None:
        self.base = f"http://{host}/v2/{repository}"
        self.http = httpx.Client(trust_env=False)

    def blob(self, body: bytes) -> None:
        place = self.http.post(f"{self.base}/blobs/uploads/").raise_for_status().headers["location"]
        url = httpx.URL(self.base).join(place).copy_merge_params({"digest": sha256(body)})
        self.http.put(url, content=body).raise_for_status()

    def manifest(self, manifest: Manifest, reference: str = "") -> str:
        url = f"{self.base}/manifests/{reference or manifest.digest}"
        headers = {"Content-Type": manifest.media_type}
        self.http.put(url, content=manifest.body, headers=headers).raise_for_status()
        return manifest.digest

    def image(self, image: Image, tag: str = "") -> str:
        """Push an image with all its blobs, under `tag` or under its digest alone; gives the digest."""
        for body in image.blobs.values():
            self.blob(body)
        return self.manifest(image.manifest, tag)

    def index(self, *images: tuple[Image, str], tag: str, attested: bool = True) -> str:
        """Push an index with all that it points to; gives its digest."""
        for image, _ in images:
            self.image(image)
            if attested:
                self.image(make_attestation(image))
        return self.manifest(as_manifest(make_index(*images, attested=attested)), tag)

    def close(self) -> None:
        self.http.close()
