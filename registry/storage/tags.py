"""Where the tags of a repository point, read from the own registry's folder: thousands in the time of a request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from registry.core.paging import is_tag
from registry.storage.layout import Doubt, Storage, folders, read_settled, text_of
from registry.storage.look import repositories_in


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
            key = read_settled(f"{folder}/current/link")
        except Doubt:
            found.doubtful.add(tag)
            continue
        if key is not None:
            found.digests[tag] = text_of(key)
    return found


def repositories_with_tags(storage: Storage) -> Iterator[str]:
    """The names of the repositories that a tag points into, in no order. Raises Doubt as `read_tags` does."""
    for name in repositories_in(storage):
        if next(folders(f"{storage.repositories}/{name}/_manifests/tags"), None) is not None:
            yield name
