"""Removing the folders of a repository that nobody knows any more. Its blobs go with the clean-up that follows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

from registry.storage.layout import Storage, StorageProblem
from registry.storage.look import look_at, repositories_in
from registry.storage.manifests import Manifests
from registry.storage.trash import file_clock

PARTS = ("_manifests", "_layers", "_uploads")
IsKnown = Callable[[str], bool]


def remove_repository(storage: Storage, name: str, is_known: IsKnown, *, window_s: float) -> None:
    """Remove all images and tags of one repository; not of those whose names continue its own.

    Raises StorageProblem where it is not there, is known, or was pushed to a moment ago: then nothing is changed.
    A repository may be made and pushed to while it goes, so it is asked about once more before anything is deleted.
    """
    if name not in repositories_in(storage):
        raise StorageProblem(f"The registry has no repository {name!r} any more; nothing was removed.")
    if is_known(name):
        raise StorageProblem(f"{name} is a repository of Imageyard: delete it there first. Nothing was removed.")
    look = look_at(storage, name, Manifests(storage))
    newest = max([look.uploaded_at, *look.revisions.values(), *look.layers.values()], default=0.0)
    if file_clock(storage) - newest < window_s:
        raise StorageProblem(f"Somebody pushed to {name} a moment ago. Nothing was removed; try it again later.")
    for part in PARTS:
        _move(f"{storage.repositories}/{name}/{part}", f"{_aside(storage, name)}/{part}")
    if is_known(name):
        _bring_back(storage, name)
        raise StorageProblem(f"{name} became a repository of Imageyard at this moment. Nothing was removed.")
    shutil.rmtree(_aside(storage, name), ignore_errors=True)


def finish_removals(storage: Storage, is_known: IsKnown) -> None:
    """What a run that died left aside: gone, or back where somebody has made the repository meanwhile."""
    top = f"{storage.trash}/removed"
    for path, folders, _ in os.walk(top):
        name = os.path.relpath(path, top)
        if name != "." and any(part in folders for part in PARTS) and is_known(name):
            _bring_back(storage, name)
        folders[:] = [folder for folder in folders if folder not in PARTS]
    shutil.rmtree(top, ignore_errors=True)


def _aside(storage: Storage, name: str) -> str:
    return f"{storage.trash}/removed/{name}"


def _bring_back(storage: Storage, name: str) -> None:
    for part in PARTS:
        target = f"{storage.repositories}/{name}/{part}"
        if not os.path.lexists(target):
            _move(f"{_aside(storage, name)}/{part}", target)


def _move(source: str, target: str) -> None:
    if not os.path.lexists(source):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.rename(source, target)
