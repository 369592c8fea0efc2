"""Taking things aside and putting them back: one folder beside the registry's own, with the same paths below it.

The folder is the journal. Whatever is in it was taken from the same path below `docker/registry/v2`, by one rename on
one file system, so that a collector that is killed anywhere leaves nothing half done, and the next one knows all.
Only what was taken from a repository is ever put back into it: a link that was made for a manifest that merely names
a blob would open other people's blobs to whoever knows their digests.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from registry.storage.layout import (
    LAYERS,
    REVISIONS,
    Key,
    Storage,
    StorageProblem,
    blob_path,
    digests_in,
    folders,
    key_in,
    link_path,
    written_at,
)

_BLOCK = 512
_HELD = "lock"


@dataclass(frozen=True, slots=True)
class TakenLink:
    """A link in the trash: `kind` is LAYERS or REVISIONS."""

    repository: str
    kind: str
    key: Key


class Trash:
    """The folder aside of one storage. Use it in `holding`, which lets nobody else in meanwhile."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def take_link(self, link: TakenLink) -> bool:
        return self._take(link_path(link.repository, link.kind, link.key))

    def take_blob(self, key: Key) -> bool:
        return self._take(blob_path(key))

    def put_link_back(self, link: TakenLink) -> bool:
        return self._put_back(link_path(link.repository, link.kind, link.key))

    def put_blob_back(self, key: Key) -> bool:
        return self._put_back(blob_path(key))

    def links(self) -> Iterator[TakenLink]:
        """All links in the trash. What else is there is not ours, and left alone."""
        for name in _repositories(f"{self._storage.trash}/repositories"):
            for kind in (REVISIONS, LAYERS):
                for key, folder in digests_in(f"{self._storage.trash}/repositories/{name}/{kind}"):
                    if os.path.lexists(f"{folder}/link"):
                        yield TakenLink(name, kind, key)

    def blobs(self) -> Iterator[Key]:
        for algorithm, below in folders(f"{self._storage.trash}/blobs"):
            for _, shelf in folders(below):
                for digits, folder in folders(shelf):
                    key = key_in(algorithm, digits)
                    if key is not None and os.path.lexists(f"{folder}/data"):
                        yield key

    def delete_link(self, link: TakenLink) -> int:
        return self._delete(link_path(link.repository, link.kind, link.key))

    def delete_blob(self, key: Key) -> int:
        """Delete it for good and say how many bytes the disk has more: none where the file has another name."""
        return self._delete(blob_path(key))

    def clock(self) -> float:
        """The time by the storage's own file system, which may be another machine's: ages are compared with it."""
        return file_clock(self._storage)

    def _take(self, below: str) -> bool:
        source, target = f"{self._storage.v2}/{below}", f"{self._storage.trash}/{below}"
        os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
        try:
            os.rename(source, target)
        except FileNotFoundError:
            return False
        return True

    def _put_back(self, below: str) -> bool:
        """Back to where it was, unless there is one again: then that is the one, and this stays in the trash.

        Never over another: 2.8 writes in place, and might be writing this very one.
        """
        source, target = f"{self._storage.trash}/{below}", f"{self._storage.v2}/{below}"
        os.makedirs(os.path.dirname(target), exist_ok=True)
        try:
            os.link(source, target, follow_symlinks=False)
        except FileExistsError:
            return False
        except FileNotFoundError:
            return False
        os.unlink(source)
        return True

    def _delete(self, below: str) -> int:
        path = f"{self._storage.trash}/{below}"
        try:
            facts = os.lstat(path)
            os.unlink(path)
        except FileNotFoundError:
            return 0
        return facts.st_blocks * _BLOCK if facts.st_nlink == 1 else 0


def file_clock(storage: Storage) -> float:
    """The time by the storage's own file system. Raises StorageProblem where nothing can be written there."""
    path = f"{storage.trash}/clock"
    try:
        os.makedirs(storage.trash, mode=0o700, exist_ok=True)
        with open(path, "w", encoding="ascii") as file:
            file.write(".")
        at = written_at(path)
    except OSError as error:
        raise unwritable(storage, error) from error
    if at is None:
        raise StorageProblem(f"{path} vanished as it was written; is somebody emptying {storage.trash}?")
    return at


def now_for_looking(storage: Storage) -> float:
    """The same, or this machine's own time where the folder can only be read: good enough where nothing is deleted."""
    try:
        return file_clock(storage)
    except StorageProblem:
        return time.time()


def unwritable(storage: Storage, error: OSError) -> StorageProblem:
    return StorageProblem(
        f"{storage.root} cannot be written by Imageyard ({error.strerror}), so nothing in it can be cleaned up. It "
        "has to run as the user that owns the registry's folder."
    )


def _repositories(path: str) -> Iterator[str]:
    rest = [("", path)]
    while rest:
        name, folder = rest.pop()
        for part, below in folders(folder):
            if part.startswith("_"):
                continue
            inner = f"{name}/{part}" if name else part
            rest.append((inner, below))
            yield inner


@contextmanager
def holding(storage: Storage) -> Iterator[Trash]:
    """The trash, for one at a time on this machine, whoever it is. Raises StorageProblem where it is held or closed.

    The kernel lets go of it when its holder dies.
    """
    try:
        os.makedirs(storage.trash, mode=0o700, exist_ok=True)
        if os.path.islink(storage.trash):
            raise StorageProblem(f"{storage.trash} is a symbolic link, which Imageyard did not make. Remove it.")
        handle = os.open(f"{storage.trash}/{_HELD}", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise unwritable(storage, error) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StorageProblem(f"{storage.root} is being cleaned up by another process just now.") from None
        yield Trash(storage)
    finally:
        os.close(handle)


def tidy(folder: str, *, older_than: float) -> int:
    """Remove a folder that is empty and has been so since before `older_than`; say how many bytes that frees.

    A push may be about to write into it: it then fails and is sent again, and nothing is lost.
    """
    try:
        facts = os.lstat(folder)
        if facts.st_ctime > older_than:
            return 0
        os.rmdir(folder)
    except OSError:  # it is not empty, or gone
        return 0
    return facts.st_blocks * _BLOCK


def empty(storage: Storage) -> None:
    """Remove the folders of the trash that nothing lies in."""
    for path, _, _ in os.walk(storage.trash, topdown=False):
        if path != storage.trash:
            tidy(path, older_than=float("inf"))
