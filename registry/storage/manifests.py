"""What a stored manifest names: everything that must stay as long as it does, and what it is about."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from registry.storage.layout import Doubt, Key, Storage, blob_path, key_of, read_bounded, text_of

MOST_BYTES = 4 * 1024 * 1024
"""Distribution takes no larger ones."""
_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Names:
    """`named`: blobs and manifests that it cannot do without. `subject`: the image that it is about (OCI 1.1)."""

    named: tuple[Key, ...]
    subject: Key | None = None


class Manifests:
    """Reads manifests of one storage, verified. They never change, so the last ones are remembered."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._known: dict[Key, Names] = {}

    def names(self, key: Key) -> Names:
        """What the manifest of this digest names. Raises Doubt where it is not there whole, or is no manifest."""
        found = self._known.get(key)
        if found is None:
            found = read_names(self._body(key), key)
            if len(self._known) < _REMEMBERED:
                self._known[key] = found
        return found

    def _body(self, key: Key) -> bytes:
        # A run that died may have left the manifest of an image that is needed in the trash.
        for folder in (self._storage.v2, self._storage.trash):
            try:
                return read_bounded(f"{folder}/{blob_path(key)}", MOST_BYTES)
            except FileNotFoundError:
                continue
        raise Doubt(f"the manifest {text_of(key)} is not there")


def read_names(body: bytes, key: Key) -> Names:
    """What a manifest of any kind names: every digest in it, wherever it stands, so that no format is unknown.

    The subject is no part of an image: a signature does not keep what it signs.
    """
    if hashlib.new(text_of(key).partition(":")[0], body).digest() != key:
        raise Doubt(f"the manifest {text_of(key)} is not whole")
    try:
        document = orjson.loads(body)
    except ValueError as error:
        raise Doubt(f"the manifest {text_of(key)} is not JSON") from error
    if not isinstance(document, dict):
        raise Doubt(f"the manifest {text_of(key)} is not a JSON object")
    subject = document.pop("subject", None)
    about = subject.get("digest") if isinstance(subject, dict) else None
    named = dict.fromkeys(digest for text in _digests(document) if (digest := key_of(text)) is not None)
    return Names(tuple(named), key_of(about) if isinstance(about, str) else None)


def _digests(document: dict[str, Any]) -> Iterator[str]:
    """Every text under `digest` (OCI, Docker) or `blobSum` (schema 1), however deep."""
    rest: list[Any] = [document]
    while rest:
        value = rest.pop()
        if isinstance(value, list):
            rest += value
        elif isinstance(value, dict):
            for name, inner in value.items():
                if isinstance(inner, str):
                    if name in ("digest", "blobSum"):
                        yield inner
                else:
                    rest.append(inner)
