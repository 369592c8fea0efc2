"""What a registry has under the tags of a repository: read from its folder where that is here, else asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from registry.client import RegistryClient
from registry.core.errors import RegistryError, RegistryErrorKind
from registry.models import Registry
from registry.storage.layout import Doubt, Storage, StorageProblem, has_images, open_storage
from registry.storage.tags import read_tags, repositories_with_tags

AT_ONCE = 8
"""Requests that are under way at the same time."""


@dataclass
class Truth:
    """What was found of one repository: by tag its digest. `looked`: every tag about which something is known now.

    `rest` is the tag behind which the next turn goes on; "" where all were looked at. `asked`: requests it took.
    """

    digests: dict[str, str] = field(default_factory=dict)
    looked: set[str] = field(default_factory=set)
    rest: str = ""
    asked: int = 0


def storage_of(registry: Registry, folder: str) -> Storage | None:
    """The folder of the own registry, where it is here and holds something. Raises RegistryError for a wrong one."""
    if not folder or not registry.is_own:
        return None
    try:
        storage = open_storage(Path(folder))
    except StorageProblem as problem:
        raise RegistryError(str(problem), kind=RegistryErrorKind.INVALID) from problem
    return storage if has_images(storage) else None


def truth_on_disk(storage: Storage, path: str, known: Mapping[str, str]) -> Truth:
    """All tags at once. Raises RegistryError where the folder cannot be looked into."""
    try:
        links = read_tags(storage, path)
    except Doubt as doubt:
        sentence = f"The registry's folder could not be read: {doubt}."
        raise RegistryError(sentence, kind=RegistryErrorKind.INVALID) from doubt
    return Truth(links.digests, {*known, *links.digests} - links.doubtful)


def unknown_on_disk(storage: Storage, known: set[str]) -> list[str] | None:
    """Repositories with tags that nobody here knows; None where the folder could not be looked through."""
    try:
        return [name for name in repositories_with_tags(storage) if name not in known]
    except Doubt:
        return None


def truth_by_asking(client: RegistryClient, path: str, known: Mapping[str, str], *, behind: str, most: int) -> Truth:
    """The list of tags, then a HEAD for each, at most `most` of them, in the order of their names.

    A tag that is not in the list is asked for as well: a list may come in part. Raises RegistryError.
    """
    names = sorted({*client.tags(path), *known})
    due = [name for name in names if name > behind]
    now, rest = due[:most], due[most:]
    found = heads(client, path, now, known)
    digests = {tag: digest for tag, digest in found.items() if digest}
    return Truth(digests, set(now), now[-1] if rest and now else "", len(now))


def heads(client: RegistryClient, path: str, tags: Sequence[str], known: Mapping[str, str]) -> dict[str, str]:
    """By tag the digest now, "" where there is no such tag. The first that fails ends it: raises RegistryError."""
    if not tags:
        return {}

    def ask(tag: str) -> str:
        return client.head(path, tag, known=known.get(tag, "")) or ""

    pool = ThreadPoolExecutor(min(AT_ONCE, len(tags)), thread_name_prefix="heads")
    try:
        return dict(zip(tags, pool.map(ask, tags), strict=True))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
