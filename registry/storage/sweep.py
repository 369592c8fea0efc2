"""Folders that nothing lies in any more: 4 KiB and an inode each, and Distribution leaves one for every link."""

from __future__ import annotations

from collections.abc import Iterator

from registry.storage.layout import LAYERS, REVISIONS, Storage, digests_in, folders
from registry.storage.look import repositories_in
from registry.storage.trash import tidy


def sweep_folders(storage: Storage, *, older_than: float) -> Iterator[int]:
    """Remove empty folders of links and blobs that were left before `older_than`; gives the bytes each frees."""
    for name in repositories_in(storage):
        for kind in (LAYERS, REVISIONS):
            for _, folder in digests_in(f"{storage.repositories}/{name}/{kind}"):
                yield tidy(folder, older_than=older_than)
    for _, below in folders(storage.blobs):
        for _, shelf in folders(below):
            for _, folder in folders(shelf):
                yield tidy(folder, older_than=older_than)
