"""Takes away one tag as long as it has the digest that was seen, and harms no other tag, index or pull.

Distribution 2.8 deletes by digest only, which would take every tag of the image and break indexes that name it. There
the tag first gets a manifest of its own, with the same content: whoever pulls it in that moment has the right image.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from registry.client.client import Deletion, RegistryClient
from registry.core.deletion import mark_of
from registry.core.manifest import Manifest, digest_of, stand_in


class Taken(StrEnum):
    """How it ended. `MOVED`: the tag has another digest and was left alone. `UNSUPPORTED`: nothing was changed."""

    DELETED = "deleted"
    ABSENT = "absent"
    MOVED = "moved"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`found` is the digest of a tag that moved."""

    taken: Taken
    found: str = ""


def take_tag_away(
    client: RegistryClient, repository: str, tag: str, digest: str, *, mark: str, siblings: Sequence[str] = ()
) -> Outcome:
    """Take `tag` away where it has `digest`. Hold the repository's publish lock.

    `mark` is the same whenever the same deletion is tried again: so it knows what it left when it died half-way.
    `siblings` are other tags that are to keep the image; a registry that takes it from them gets it back. Raises
    `RegistryError`; doing it twice ends in the same state.
    """
    now = client.head(repository, tag)
    if now is None:
        return Outcome(Taken.ABSENT)
    if now != digest and not _is_ours(client, repository, tag, mark):
        return Outcome(Taken.MOVED, now)
    # Not every manifest can be read (schema 1), and not every deletion needs it.
    image = client.find(repository, digest, of_any_kind=True) if siblings else None
    if _delete(client, repository, tag, mark) is Deletion.UNSUPPORTED:
        return Outcome(Taken.UNSUPPORTED)
    # What a registry says of a deletion and what it did are two things.
    left = client.head(repository, tag)
    if left is not None:
        return Outcome(Taken.MOVED, left)
    if image is not None:
        _give_back(client, repository, image, siblings)
    return Outcome(Taken.DELETED)


def give_tag_back(client: RegistryClient, repository: str, tag: str, digest: str, *, mark: str) -> bool:
    """Undo what a try that died left of the deletion of a tag that is to stay after all; True where there was some."""
    if client.head(repository, tag) is not None and not _is_ours(client, repository, tag, mark):
        return False
    image = client.find(repository, digest, of_any_kind=True)
    if image is None:
        return False
    client.put_manifest(repository, tag, image)
    return True


def _is_ours(client: RegistryClient, repository: str, tag: str, mark: str) -> bool:
    """Whether the tag has what an earlier try of the same deletion put in its place."""
    manifest = client.find(repository, tag, of_any_kind=True)
    return manifest is not None and mark_of(manifest) == mark


def _delete(client: RegistryClient, repository: str, tag: str, mark: str) -> Deletion:
    deleted = client.delete_tag(repository, tag)
    if deleted is not Deletion.UNSUPPORTED:
        return deleted
    # Nothing has this digest: a registry that deletes no manifests says so before anything is changed.
    if client.delete_manifest(repository, digest_of(uuid.uuid4().bytes)) is Deletion.UNSUPPORTED:
        return deleted
    manifest = client.find(repository, tag, of_any_kind=True)
    if manifest is None:
        return Deletion.ABSENT
    return client.delete_manifest(repository, client.put_manifest(repository, tag, stand_in(manifest, mark)))


def _give_back(client: RegistryClient, repository: str, image: Manifest, siblings: Sequence[str]) -> None:
    """A registry may take the whole image where one tag was meant. Those that stay have it again then."""
    if client.head(repository, image.digest) is not None:
        return
    for sibling in siblings:
        if client.head(repository, sibling) is None:
            client.put_manifest(repository, sibling, image)
