"""One file of a branch as its newest commit has it, read from the mirror; nothing is checked out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from builds.engine.git import Remote, open_git
from builds.engine.gitcommand import GuardedGit
from builds.engine.mirror import Lock, Mirror, RefMissing
from builds.engine.process import StopFlag
from builds.engine.remoterefs import read_refs

# git-ls-tree(1) with -l -z: mode, type, object, size, path.
_ENTRY = re.compile(rb"(?P<mode>\d+) (?P<type>\w+) (?P<object>[0-9a-f]+) +(?P<size>\d+|-)\t")
_FILES = (b"100644", b"100755")


@dataclass(frozen=True, slots=True)
class BranchFile:
    """`content` is None where `commit` has no such file; of a file that is too long it is one byte too long.

    `commit` is "" where there is no such branch.
    """

    commit: str
    content: bytes | None


def read_file(
    remote: Remote, *, mirror: Path, branch: str, path: str, most_bytes: int, stop: StopFlag, timeout_s: float
) -> BranchFile:
    """Fetch the newest commit of `branch` ("" is the default branch) and read `path` of it.

    Symbolic links and folders are no files. Raises `BuildError` with Git's reason in words, and `Stopped`.
    """
    with open_git(remote, stop=stop, timeout_s=timeout_s, log=lambda _: None) as git:
        name = branch or read_refs(git).default_branch
        if name is None:
            return BranchFile("", None)
        copy = Mirror(mirror.absolute(), git)
        with copy.locked() as lock:
            return copy.repairing(lock, lambda: _read(copy, lock, git, f"refs/heads/{name}", path, most_bytes))


def _read(mirror: Mirror, lock: Lock, git: GuardedGit, ref: str, path: str, most_bytes: int) -> BranchFile:
    try:
        found = mirror.obtain(ref=ref, commit=None)
    except RefMissing:
        return BranchFile("", None)
    lock.shared()
    listed: bytes = git.at(mirror.path).ls_tree("-l", "-z", "--full-tree", found.commit, "--", path)
    entry = _ENTRY.match(listed)
    if entry is None or entry["mode"] not in _FILES:
        return BranchFile(found.commit, None)
    if int(entry["size"]) > most_bytes:
        return BranchFile(found.commit, b"\n" * (most_bytes + 1))
    content: bytes = git.at(mirror.path).cat_file("blob", entry["object"].decode())
    return BranchFile(found.commit, content)
