"""The scripts in `hooks/` beside the Dockerfile, found in the work tree alone. Runs none of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from builds.core.errors import BuildError
from builds.core.hooks import FOLDER, ORDER
from builds.engine.inputs import inside
from builds.engine.testfiles import folder_of


@dataclass(frozen=True, slots=True)
class FoundHooks:
    """`folder` is that of the Dockerfile, relative to the tree ("." for the tree itself); `names` in their order."""

    folder: str
    names: tuple[str, ...]


def find_hooks(tree: Path, dockerfile: str) -> FoundHooks:
    """Regular files of the names that hooks have; a link counts where it leads to one in the tree."""
    folder = folder_of(tree, dockerfile)
    if folder is None:
        return FoundHooks(".", ())
    relative = str(folder.relative_to(tree.resolve()))
    if not (folder / FOLDER).is_dir():
        return FoundHooks(relative, ())
    return FoundHooks(relative, tuple(name for name in ORDER if _is_file(tree, folder / FOLDER / name)))


def _is_file(tree: Path, path: Path) -> bool:
    try:
        found = inside(tree, str(path.relative_to(tree.resolve())), "a hook")
    except BuildError:
        return False
    return found is not None and found.is_file()
