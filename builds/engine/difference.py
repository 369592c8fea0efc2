"""What a commit changes against the branch that it is to go into, read from the mirror. Runs nothing of either."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from builds.core.gitfailure import source_error
from builds.core.refnames import quoted
from builds.engine.git import open_git
from builds.engine.gitcommand import GitFailed, GuardedGit
from builds.engine.gitenv import Remote
from builds.engine.mirror import Mirror, RefMissing
from builds.engine.process import StopFlag


@dataclass(frozen=True, slots=True)
class Difference:
    """`base` is the commit where the histories part, "" where they have nothing in common; then all of it is new.

    `names` is Git's list (`--name-status -z`), `diffs` a unified diff for each path that was asked for.
    """

    base: str
    names: bytes
    diffs: dict[str, bytes]


def difference(
    remote: Remote,
    *,
    mirror: Path,
    git_ref: str,
    commit: str,
    base_ref: str,
    choose: Callable[[bytes], Sequence[str]],
    stop: StopFlag,
    timeout_s: float,
) -> Difference:
    """Fetch both sides and compare. `choose` gets the list of names and gives the paths whose content is wanted.

    Raises BuildError with Git's reason in words.
    """
    with open_git(remote, stop=stop, timeout_s=timeout_s, log=lambda _: None) as git:
        store = Mirror(mirror.absolute(), git)
        with store.locked() as lock:
            head = store.repairing(lock, lambda: store.obtain(ref=git_ref or None, commit=commit)).commit
            try:
                base = store.obtain(ref=f"refs/heads/{base_ref}", commit=None).commit
            except RefMissing as error:
                raise source_error(f"The branch {quoted(base_ref)} that it is to go into is not there.") from error
            lock.shared()
            return _compare(git, store.path, base, head, choose)


def _compare(git: GuardedGit, path: Path, base: str, head: str, choose: Callable[[bytes], Sequence[str]]) -> Difference:
    try:
        parted = git.at(path).merge_base(base, head).decode().split()[0]
    except (GitFailed, IndexError):
        parted = ""
    old = parted or git.at(path).hash_object("-t", "tree", "/dev/null").decode().strip()
    names = _diff(git, path, "--name-status", "-z", old, head)
    return Difference(
        parted, names, {one: _diff(git, path, old, head, "--", f":(literal){one}") for one in choose(names)}
    )


def _diff(git: GuardedGit, path: Path, *arguments: str) -> bytes:
    options = ("--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--ignore-submodules=none")
    return bytes(git.at(path).diff(*options, *arguments))
