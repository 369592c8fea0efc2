"""Context and Dockerfile of a build, found in the work tree and never outside it.

buildx opens on this machine whatever path it is given, links followed; BuildKit keeps to the folders that it then gets.
So the folders are resolved and checked here; a Dockerfile that is a link is left to BuildKit where it can follow it.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from builds.core.errors import BuildError, ErrorKind
from builds.core.refnames import quoted

_MAX_WALKED = 5_000
_MAX_SHOWN = 8
_LOOKS_LIKE = re.compile(
    r"(?:Dockerfile|Containerfile)(?:\.(?!(?:.*\.)?dockerignore$).+)?|.+\.Dockerfile", re.IGNORECASE
)
_SKIPPED = frozenset({".git", "node_modules", "vendor"})


def find_context(tree: Path, context: str) -> Path:
    """The folder of the build context, absolute. Raises `BuildError` (kind `user`)."""
    path = inside(tree, context or ".", "the build context")
    if path is None:
        raise _user(f"The build context {quoted(context)} is not in the repository.{_folders(tree)}")
    if not path.is_dir():
        raise _user(f"The build context {quoted(context)} is a file. Write the folder that it is in.")
    return path


def find_dockerfile(tree: Path, dockerfile: str) -> Path:
    """The Dockerfile, absolute, its folder free of links. Raises `BuildError` (kind `user`).

    A link within its folder stays a link, so that BuildKit looks for `<Dockerfile>.dockerignore` under the name that
    the rule has; one that leads to another folder of the tree is followed here, as BuildKit could not.
    """
    relative = Path(dockerfile or "Dockerfile")
    parent = inside(tree, str(relative.parent), "the Dockerfile")
    path = parent / relative.name if parent is not None and relative.name not in {"", "."} else None
    if path is None or not os.path.lexists(path):  # of a name too long pathlib would make an error
        raise _user(f"There is no {quoted(dockerfile)} in the repository.{_dockerfiles(tree)}")
    target = inside(tree, str(path.relative_to(tree.resolve())), "the Dockerfile")
    if target is None:
        raise _user(f"{quoted(dockerfile)} is a link to a file that is not in the repository.{_dockerfiles(tree)}")
    if target.is_dir():
        raise _user(f"{quoted(dockerfile)} is a folder. Write the path of the Dockerfile in it.")
    return path if target.is_relative_to(path.parent) else target


def read_start(path: Path, most_bytes: int) -> bytes:
    """The first bytes of a file that `find_dockerfile` found; raises OSError, also for what is no file."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "It is not a file.")
        return file.read(most_bytes)


def inside(tree: Path, relative: str, what: str) -> Path | None:
    """`relative` with every link followed; None where nothing is there. Raises where it leads out of the tree."""
    root = tree.resolve()
    try:
        path = (root / relative.lstrip("/")).resolve()
    except (OSError, ValueError, RuntimeError):  # a NUL, a name too long, links in a circle
        return None
    if not path.is_relative_to(root):
        raise _user(
            f"The path {quoted(relative)} of {what} leads out of the repository, through a link or `..`. "
            "Only what is in the repository can be built."
        )
    try:
        path.stat()
    except OSError:
        return None
    return path


def _dockerfiles(tree: Path) -> str:
    found = sorted(islice(_walk(tree), _MAX_SHOWN + 1), key=lambda name: (name.count("/"), name))
    if not found:
        return " Nothing in it is called Dockerfile: add one, or correct the path in the rule."
    more = " and others" if len(found) > _MAX_SHOWN else ""
    return f" There is: {', '.join(quoted(name) for name in found[:_MAX_SHOWN])}{more}. Correct the path in the rule."


def _walk(tree: Path) -> Iterator[str]:
    """Paths that look like Dockerfiles, from the first few thousand files, following no link."""
    seen = 0
    for folder, folders, files in os.walk(tree):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        for name in sorted(files):
            seen += 1
            if _LOOKS_LIKE.fullmatch(name):
                yield str(Path(folder, name).relative_to(tree))
        if seen > _MAX_WALKED:
            return


def _folders(tree: Path) -> str:
    names = sorted(entry.name for entry in tree.iterdir() if entry.is_dir() and entry.name not in _SKIPPED)
    shown = ", ".join(quoted(name) for name in names[:_MAX_SHOWN])
    return f" Its folders are: {shown}. Correct the path in the rule." if shown else " Correct the path in the rule."


def _user(message: str) -> BuildError:
    return BuildError(ErrorKind.USER, message)
