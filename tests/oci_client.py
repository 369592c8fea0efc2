"""A client of the OCI distribution API that comes in by token, as the specification of Distribution says. No Docker.

It knows no rule of the API itself: the tests say what is asked, and what must be answered.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

IMAGE = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
TAR = "application/vnd.oci.image.layer.v1.tar"
EMPTY = "application/vnd.oci.empty.v1+json"
BYTES = {"Content-Type": "application/octet-stream"}


def digest_of(body: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"


class ByToken(httpx.Auth):
    """Answers a challenge with a token for exactly what it asks; without a username as nobody."""

    requires_request_body = True

    def __init__(self, username: str = "", password: str = "") -> None:
        self.login = (username, password) if username else None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        answer = yield request
        challenge = answer.headers.get("WWW-Authenticate", "")
        if answer.status_code != 401 or not challenge.startswith("Bearer "):
            return
        said = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        query: list[tuple[str, Any]] = [("service", said["service"])]
        query += [("scope", scope) for scope in said.get("scope", "").split()]
        ask = httpx.Request("GET", said["realm"], params=query)
        if self.login:
            ask = next(httpx.BasicAuth(*self.login).auth_flow(ask))
        given = yield ask
        if given.status_code == 200:
            given.read()
            request.headers["Authorization"] = f"Bearer {given.json()['token']}"
            yield request


@dataclass(frozen=True)
class Place:
    """One repository of a registry, as one account sees it."""

    client: httpx.Client
    name: str

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """`path` below the repository, or a Location as the registry gave it."""
        address = path if path.startswith(("/", "http")) else f"/v2/{self.name}/{path}"
        return self.client.request(method, address, **more)

    def upload(self) -> str:
        """The address of a new upload."""
        answer = self.ask("POST", "blobs/uploads/")
        assert answer.status_code == 202, answer.text
        return str(answer.headers["Location"])

    def put(self, location: str, digest: str, body: bytes = b"", **headers: str) -> httpx.Response:
        """Close an upload, with these last bytes."""
        address = httpx.URL(location).copy_merge_params({"digest": digest})
        return self.ask("PUT", str(address), content=body, headers=BYTES | headers)

    def push_blob(self, body: bytes, algorithm: str = "sha256") -> str:
        digest = digest_of(body, algorithm)
        answer = self.put(self.upload(), digest, body)
        assert answer.status_code == 201, answer.text
        return digest

    def put_manifest(self, body: bytes, media_type: str, reference: str) -> httpx.Response:
        return self.ask("PUT", f"manifests/{reference}", content=body, headers={"Content-Type": media_type})

    def push(self, content: Content, tag: str = "") -> str:
        """All blobs and manifests of it; the digest of the last, which has the tag."""
        for body in content.blobs:
            self.push_blob(body, content.algorithm)
        digests = [digest_of(body, content.algorithm) for body, _ in content.manifests]
        for (body, media_type), digest in zip(content.manifests, digests, strict=True):
            is_last = digest == digests[-1]
            answer = self.put_manifest(body, media_type, tag if tag and is_last else digest)
            assert answer.status_code == 201, answer.text
        return digests[-1]

    def manifest(self, reference: str, media_type: str, method: str = "GET") -> httpx.Response:
        return self.ask(method, f"manifests/{reference}", headers={"Accept": media_type})


@dataclass
class Content:
    """Blobs, and manifests with their media types, in the order in which they can be pushed."""

    blobs: list[bytes] = field(default_factory=list)
    manifests: list[tuple[bytes, str]] = field(default_factory=list)
    algorithm: str = "sha256"

    def blob(self, body: bytes, media_type: str, **more: Any) -> dict[str, Any]:
        """Add a blob; its descriptor."""
        self.blobs.append(body)
        return self._descriptor(body, media_type, **more)

    def image(self, text: str, *, layers: int = 1, layer_type: str = LAYER, **more: Any) -> dict[str, Any]:
        """Add an image; its descriptor."""
        config = self.blob(_json({"os": "linux", "architecture": "amd64", "of": text}), CONFIG)
        parts = [self.blob(f"{text} {number}".encode(), layer_type) for number in range(layers)]
        return self.document(IMAGE, {"config": config, "layers": parts, **more})

    def index(self, *manifests: dict[str, Any], **more: Any) -> dict[str, Any]:
        return self.document(INDEX, {"manifests": list(manifests), **more})

    def document(self, media_type: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Add a manifest with these fields; its descriptor."""
        body = _json({"schemaVersion": 2, "mediaType": media_type, **fields})
        self.manifests.append((body, media_type))
        return self._descriptor(body, media_type)

    def _descriptor(self, body: bytes, media_type: str, **more: Any) -> dict[str, Any]:
        return {"mediaType": media_type, "digest": digest_of(body, self.algorithm), "size": len(body), **more}


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def kinds() -> Iterator[tuple[str, Content]]:
    """Content of every kind that the conformance suite pushes and pulls again, by name."""
    for name, make in _KINDS.items():
        content = Content()
        make(content)
        yield name, content


def _with_data(content: Content) -> None:
    config = content.blob(b"{}", EMPTY, data="e30=")
    content.document(IMAGE, {"artifactType": "application/vnd.acme.note", "config": config, "layers": [config]})


def _nested(content: Content) -> None:
    inner = content.index(content.image("one"), content.image("two"))
    content.index(inner, content.index(content.image("three")))


def _not_distributable(content: Content) -> None:
    config = content.blob(b'{"os": "linux"}', CONFIG)
    foreign = {
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "digest": digest_of(b"never pushed"),
        "size": 12,
        "urls": ["https://store.example.com/never-pushed"],
    }
    content.document(IMAGE, {"config": config, "layers": [foreign, content.blob(b"pushed", LAYER)]})


def _missing_subject(content: Content) -> None:
    subject = {"mediaType": IMAGE, "digest": digest_of(b"nowhere"), "size": 7}
    config = content.blob(b"{}", EMPTY)
    content.document(
        IMAGE, {"artifactType": "application/vnd.acme.note", "config": config, "layers": [config], "subject": subject}
    )


def _empty_layer(content: Content) -> None:
    config = content.blob(b'{"os": "linux", "of": "nothing"}', CONFIG)
    content.document(IMAGE, {"config": config, "layers": [content.blob(b"", TAR)]})


def _sha512(content: Content) -> None:
    content.algorithm = "sha512"
    content.image("long digests")


_KINDS = {
    "image": lambda content: content.image("image"),
    "image-uncompressed": lambda content: content.image("plain", layer_type=TAR),
    "large-manifest": lambda content: content.image("large", annotations={"org.acme.note": "x" * 1_000_000}),
    "index": lambda content: content.index(content.image("amd"), content.image("arm")),
    "nested-index": _nested,
    "empty-index": lambda content: content.index(),
    "artifact": _with_data,
    "artifact-index": lambda content: content.index(content.image("a"), artifactType="application/vnd.acme.set"),
    "missing-subject": _missing_subject,
    "non-distributable-layers": _not_distributable,
    "custom-fields": lambda content: content.image("custom", acmeField={"kept": ["as", "it", "is"]}),
    "no-layers": lambda content: content.image("bare", layers=0),
    "empty-layer": _empty_layer,
    "sha512": _sha512,
}
KINDS = tuple(_KINDS)
