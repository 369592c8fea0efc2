"""One look at one repository: its tags, images and layers as they are on the disk now."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from registry.storage.layout import (
    LAYERS,
    REVISIONS,
    Doubt,
    Key,
    Storage,
    digests_in,
    folders,
    key_in,
    read_settled,
    written_at,
)
from registry.storage.manifests import Manifests, Names

_DEEPEST = 128
_CANONICAL = 32


@dataclass(slots=True)
class Look:
    """A repository as it was found. `doubts` is why nothing may go from it; what they hide counts as needed."""

    name: str
    tags: dict[str, Key] = field(default_factory=dict)
    revisions: dict[Key, float] = field(default_factory=dict)
    layers: dict[Key, float] = field(default_factory=dict)
    names: dict[Key, Names] = field(default_factory=dict)
    targets: dict[Key, Key] = field(default_factory=dict)
    uploaded_at: float = 0.0
    doubts: list[str] = field(default_factory=list)
    is_partial: bool = False
    """Whether links could not be read: it is then not known either which blobs are linked here."""

    def without(self, revisions: Iterable[Key], layers: Iterable[Key]) -> Look:
        """The same repository without these."""
        gone, off = set(revisions), set(layers)
        return replace(
            self,
            revisions={key: at for key, at in self.revisions.items() if key not in gone},
            names={key: names for key, names in self.names.items() if key not in gone},
            layers={key: at for key, at in self.layers.items() if key not in off},
            targets={key: target for key, target in self.targets.items() if key not in off},
        )

    def used(self) -> set[Key]:
        """Every blob that something in this repository links or names: those that must have their data."""
        named = (key for names in self.names.values() for key in names.named)
        return {*self.tags.values(), *self.revisions, *self.layers, *self.targets.values(), *named}


def repositories_in(storage: Storage) -> Iterator[str]:
    """The names of all repositories that have links, in no order. Raises Doubt where a folder cannot be looked into."""
    rest = [("", storage.repositories)]
    while rest:
        name, path = rest.pop()
        is_one = False
        for part, below in folders(path):
            if part.startswith("_"):  # no part of a repository's name begins so
                is_one = True
                continue
            if name.count("/") >= _DEEPEST:
                raise Doubt(f"{below} lies deeper than the name of a repository can")
            rest.append((f"{name}/{part}" if name else part, below))
        if is_one and name:
            yield name


def look_at(storage: Storage, name: str, manifests: Manifests) -> Look:
    """Look at a repository. Never raises Doubt: it is written down.

    Images come after tags and layers after images, the other way round than a push writes them: an image that a tag
    has now is then seen, and so is every layer of an image that is seen.
    """
    look = Look(name)
    path = f"{storage.repositories}/{name}"
    for step in (_read_tags, _read_revisions, _read_layers, _read_uploads):
        try:
            step(look, path)
        except Doubt as doubt:
            look.doubts.append(str(doubt))
            look.is_partial = True
    for key in look.revisions:
        try:
            look.names[key] = manifests.names(key)
        except Doubt as doubt:
            look.doubts.append(str(doubt))
    return look


def _read_tags(look: Look, path: str) -> None:
    for tag, folder in folders(f"{path}/_manifests/tags"):
        key = read_settled(f"{folder}/current/link")
        if key is not None:
            look.tags[tag] = key


def _read_revisions(look: Look, path: str) -> None:
    for key, folder in digests_in(f"{path}/{REVISIONS}"):
        at = written_at(f"{folder}/link")
        if at is not None:
            look.revisions[key] = at


def _read_layers(look: Look, path: str) -> None:
    for key, folder in digests_in(f"{path}/{LAYERS}"):
        at = written_at(f"{folder}/link")
        if at is None:
            continue
        look.layers[key] = at
        if len(key) != _CANONICAL:  # a blob that was uploaded by another digest than the one it is stored under
            target = read_settled(f"{folder}/link")
            if target is not None:
                look.targets[key] = target


def _read_uploads(look: Look, path: str) -> None:
    """When somebody last wrote to an upload: a push is under way that may count on layers that are there."""
    for _, folder in folders(f"{path}/_uploads"):
        for at in (written_at(folder, stat.S_ISDIR), written_at(f"{folder}/data")):
            look.uploaded_at = max(look.uploaded_at, at or 0.0)


def blobs_in(storage: Storage) -> Iterator[tuple[Key, os.stat_result]]:
    """Every blob with what its file is like. Raises Doubt where a folder is not as Distribution makes it."""
    for algorithm, below in folders(storage.blobs):
        for _, shelf in folders(below):
            yield from _on_shelf(algorithm, shelf)


def _on_shelf(algorithm: str, shelf: str) -> Iterator[tuple[Key, os.stat_result]]:
    for digits, folder in folders(shelf):
        key = key_in(algorithm, digits)
        if key is None:
            raise Doubt(f"{folder} is named after no digest")
        try:
            facts = os.lstat(f"{folder}/data")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise Doubt(f"{folder}/data cannot be read ({error.strerror})") from error
        if not stat.S_ISREG(facts.st_mode):
            raise Doubt(f"{folder}/data is not a file")
        yield key, facts
