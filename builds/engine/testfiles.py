"""Files of the work tree for tests: the `*.test.yml` beside the Dockerfile, and what they name. Nothing outside it."""

from __future__ import annotations

import stat
from pathlib import Path

from builds.core.composemounts import Kind
from builds.core.errors import BuildError
from builds.engine.inputs import inside

MAX_TESTS = 20
SUFFIX = ".test.yml"


def folder_of(tree: Path, dockerfile: str) -> Path | None:
    """The folder of the Dockerfile, free of links; None where it is not in the tree."""
    try:
        found = inside(tree, str(Path(dockerfile or "Dockerfile").parent), "the Dockerfile")
    except BuildError:
        return None
    return found if found is not None and found.is_dir() else None


def find_tests(tree: Path, dockerfile: str) -> list[Path]:
    """The compose files of tests beside the Dockerfile, in order of their names; at most `MAX_TESTS` and one."""
    folder = folder_of(tree, dockerfile)
    if folder is None:
        return []
    return sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIX) and _is_there(path))[: MAX_TESTS + 1]


def _is_there(path: Path) -> bool:
    """A link counts, whatever it leads to: a test that cannot be read is told of, and not passed over."""
    try:
        return stat.S_ISREG(path.lstat().st_mode) or path.is_symlink()
    except OSError:
        return False


def read_inside(tree: Path, path: Path, most: int) -> bytes | None:
    """The first `most` and one bytes of a file, links followed within the tree; None where it is not a file of it."""
    try:
        found = inside(tree, str(path.relative_to(tree.resolve())), "a file")
        if found is None or not found.is_file():
            return None
        with found.open("rb") as file:
            return file.read(most + 1)
    except (BuildError, OSError, ValueError):
        return None


def look_at(tree: Path, relative: str) -> Kind:
    """What a path of the tree is, links followed."""
    try:
        found = inside(tree, relative, "a mount")
    except BuildError:
        return "outside"
    if found is None:
        return "missing"
    return "folder" if found.is_dir() else "file" if found.is_file() else "outside"
