"""Where the tags of a repository point, read from the own registry's folder: thousands in the time of a request."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from registry.core.paging import is_tag
from registry.storage.layout import Doubt, Key, Storage, folders, read_link, text_of
from registry.storage.look import repositories_in

_TRIES = 3
_PAUSE_S = 0.02


@dataclass(slots=True)
class TagLinks:
    """By tag the digest. `doubtful`: tags whose link could not be read; nothing may be concluded from these."""

    digests: dict[str, str] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)


def read_tags(storage: Storage, path: str) -> TagLinks:
    """The tags of the repository `path`, none where the registry has no such repository.

    Raises Doubt where its folder cannot be looked into: then nothing is known at all.
    """
    found = TagLinks()
    for tag, folder in folders(f"{storage.repositories}/{path}/_manifests/tags"):
        if not is_tag(tag):
            continue
        try:
            key = _settled(f"{folder}/current/link")
        except Doubt:
            found.doubtful.add(tag)
            continue
        if key is not None:
            found.digests[tag] = text_of(key)
    return found


def _settled(path: str) -> Key | None:
    """The digest in a link that may be being written: 2.8 empties the file first, for the time of one write."""
    for _ in range(_TRIES):
        try:
            return read_link(path)
        except Doubt:
            time.sleep(_PAUSE_S)
    return read_link(path)


def repositories_with_tags(storage: Storage) -> Iterator[str]:
    """The names of the repositories that a tag points into, in no order. Raises Doubt as `read_tags` does."""
    for name in repositories_in(storage):
        if next(folders(f"{storage.repositories}/{name}/_manifests/tags"), None) is not None:
            yield name
