"""A registry's folder, made up on the disk as Distribution 2.8 writes it, step by step."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from registry.storage.layout import LAYERS, REVISIONS, Key, Storage, blob_path, link_path, open_storage, text_of

OCI = "application/vnd.oci.image.manifest.v1+json"


class Tree:
    """One folder. Every step is one of those that the registry itself takes, so that a test can stop between two."""

    def __init__(self, folder: Path) -> None:
        self.storage: Storage = open_storage(folder)
        self.v2 = Path(self.storage.v2)
        (self.v2 / "repositories").mkdir(parents=True)

    def blob(self, body: bytes) -> Key:
        key = hashlib.sha256(body).digest()
        self.write(blob_path(key), body)
        return key

    def write(self, below: str, body: bytes) -> None:
        path = self.v2 / below
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    def link(self, repository: str, kind: str, key: Key) -> None:
        self.write(link_path(repository, kind, key), text_of(key).encode())

    def tag(self, repository: str, tag: str, key: Key) -> None:
        self.write(f"repositories/{repository}/_manifests/tags/{tag}/current/link", text_of(key).encode())

    def layer(self, repository: str, body: bytes) -> Key:
        key = self.blob(body)
        self.link(repository, LAYERS, key)
        return key

    def manifest(
        self, repository: str, *layers: Key, subject: Key | None = None, children: tuple[Key, ...] = ()
    ) -> Key:
        """An image that is there without a tag."""
        key = self.manifest_data(*layers, subject=subject, children=children)
        self.link(repository, REVISIONS, key)
        return key

    def manifest_data(self, *layers: Key, subject: Key | None = None, children: tuple[Key, ...] = ()) -> Key:
        document: dict = {"schemaVersion": 2, "layers": [{"digest": text_of(key)} for key in layers]}
        if children:
            document["manifests"] = [{"digest": text_of(key)} for key in children]
        if subject is not None:
            document["subject"] = {"digest": text_of(subject)}
        return self.blob(json.dumps(document).encode())

    def has_link(self, repository: str, kind: str, key: Key) -> bool:
        return (self.v2 / link_path(repository, kind, key)).exists()

    def has_blob(self, key: Key) -> bool:
        return (self.v2 / blob_path(key)).exists()
