"""Which files of a change say what runs when it is built: those a member reads before a stranger's code may run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from builds.core.paths import BadPathError, clean_path

MAX_DIFF = 64 * 1024
MAX_FILES = 40
MAX_OTHERS = 200
_LOOKS_LIKE = re.compile(
    r"(?:Dockerfile|Containerfile)(?:\..+)?|.+\.(?:Dockerfile|dockerignore|test\.ya?ml)|\.dockerignore"
)
_ANYWHERE = frozenset({".gitmodules", ".gitattributes", ".lfsconfig", ".imageyard.yml"})
_WORDS = {"A": "added", "D": "removed", "M": "changed", "T": "became another kind of file"}


@dataclass(frozen=True, slots=True)
class Change:
    """One file that differs between base and head. `change` is a word to read."""

    path: str
    change: str


def read_changes(output: bytes) -> tuple[Change, ...]:
    """`git diff --name-status -z --no-renames` as changes; names that are no UTF-8 keep a mark for each wrong byte."""
    words = output.decode("utf-8", "replace").split("\0")
    pairs = zip(words[0::2], words[1::2], strict=False)
    return tuple(Change(path.replace("\x00", ""), _WORDS.get(letter[:1], "changed")) for letter, path in pairs if path)


def says_what_runs(path: str, *, dockerfile: str, context: str) -> bool:
    """Whether a file decides what is run: the Dockerfile and what stands beside it, ignore files, tests, hooks."""
    name, folder = PurePosixPath(path).name, PurePosixPath(path).parent
    try:
        main = PurePosixPath(clean_path(dockerfile, "dockerfile"))
        place = PurePosixPath(clean_path(context, "context"))
    except BadPathError:
        main, place = PurePosixPath("Dockerfile"), PurePosixPath()
    if PurePosixPath(path) in (main, place / ".dockerignore", main.with_name(f"{main.name}.dockerignore")):
        return True
    if folder.name == "hooks" and folder.parent in (main.parent, place, PurePosixPath()):
        return True
    return _LOOKS_LIKE.fullmatch(name) is not None or name in _ANYWHERE


def split_changes(
    changes: Sequence[Change], *, dockerfile: str, context: str
) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """The changes whose content is shown, the Dockerfile first and not too many, and the others."""
    shown = [one for one in changes if says_what_runs(one.path, dockerfile=dockerfile, context=context)]
    shown.sort(key=lambda one: (one.path != dockerfile, one.path.count("/"), one.path))
    shown = shown[:MAX_FILES]
    return tuple(shown), tuple(one for one in changes if one not in set(shown))
