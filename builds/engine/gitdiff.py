"""What a push changed in sum: the files that differ between two commits of a mirror. Which of them matter is not here.

The forge's own list of files is never asked: forges cut it, and a push of many commits lists what was undone since.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from builds.core.errors import BuildError, ErrorKind
from builds.core.gitfailure import is_broken_mirror
from builds.core.pathfilter import ChangedPath, Changes
from builds.core.refnames import name_problem, quoted
from builds.engine.git import Remote, open_git
from builds.engine.gitcommand import GitFailed, GuardedGit, Log
from builds.engine.mirror import FULL_SHA, Lock, Mirror, RefMissing
from builds.engine.process import StopFlag
from builds.engine.remoterefs import read_refs

_GITLINK = b"160000"


@dataclass(frozen=True, slots=True)
class NoBase:
    """There is nothing to compare with; `why` is a sentence."""

    why: str


def net_changes(
    remote: Remote,
    *,
    mirror: Path,
    ref: str,
    commit: str,
    base: str,
    against: str,
    log: Log,
    stop: StopFlag,
    timeout_s: float,
) -> Changes | NoBase:
    """The files that differ between `base` and `commit`, whatever happened in between; renames are two files.

    `ref` is the full name of the ref that was pushed, `commit` its whole hash. `base` is where it pointed before, ""
    for a new ref. Where it is new, or history was rewritten and the server has the old commit no more, the commit that
    it has in common with the branch `against` stands in ("" asks the server for the default branch). Raises
    `BuildError` where the commit itself cannot be had, and `Stopped`.
    """
    with open_git(remote, stop=stop, timeout_s=timeout_s, log=log) as git:
        work = _Comparison(Mirror(mirror.absolute(), git), git, ref, commit, against)
        with work.mirror.locked() as lock:
            return work.mirror.repairing(lock, lambda: work.compare(lock, base))


@dataclass(frozen=True, slots=True)
class _Comparison:
    mirror: Mirror
    git: GuardedGit
    ref: str
    commit: str
    against: str

    def compare(self, lock: Lock, base: str) -> Changes | NoBase:
        try:
            head = self.mirror.obtain(ref=self.ref, commit=self.commit).commit
        except RefMissing:
            return NoBase("The commit is not on the server any more.")  # the checkout says so in its own words
        since = ""
        if base and self._have(base) is None:
            since = f"{base[:7]}, where it was before, is gone from the server"
        if not base or since:
            found = self._common_with_branch(head)
            if isinstance(found, NoBase):
                return NoBase(f"The commit {since}. {found.why}" if since else found.why)
            base, branch = found
            left = f"where it left {quoted(branch)}"
            since = f"{left}, as {since}" if since else left
        lock.shared()
        return self._difference(base, head, since)

    def _have(self, commit: str) -> str | None:
        """The commit in the mirror, fetched by its name if need be; None where it cannot be had."""
        if not FULL_SHA.fullmatch(commit):
            return None
        try:
            found = self.mirror.find(commit) or self.mirror.fetch_exactly(commit)
        except (GitFailed, BuildError) as error:
            if isinstance(error, GitFailed) and is_broken_mirror(error.stderr):
                raise
            return None
        return found.commit if found else None

    def _common_with_branch(self, head: str) -> tuple[str, str] | NoBase:
        """The newest commit that `head` shares with the branch, and the branch's name."""
        try:
            branch = self.against or read_refs(self.git).default_branch or ""
        except (GitFailed, BuildError):
            branch = ""
        full = f"refs/heads/{branch}"
        if not branch or name_problem(branch) is not None:
            return NoBase("Nobody knows what to compare it with: the server names no default branch.")
        if full == self.ref:
            return NoBase(f"{quoted(branch)} is the default branch itself, and nothing was known of it before.")
        try:
            tip = self.mirror.obtain(ref=full, commit=None).commit
            out = self.git.at(self.mirror.path).merge_base(tip, head)
        except RefMissing:
            return NoBase(f"There is no branch {quoted(branch)} to compare it with.")
        except (GitFailed, BuildError) as error:
            if isinstance(error, GitFailed) and is_broken_mirror(error.stderr):
                raise
            return NoBase(f"It has no commit in common with {quoted(branch)}.")
        return out.decode("ascii", "replace").split("\n")[0].strip(), branch

    def _difference(self, base: str, head: str, since: str) -> Changes | NoBase:
        return difference(self.mirror, base, head, since)


def difference(mirror: Mirror, base: str, head: str, since: str = "") -> Changes | NoBase:
    """The files that differ between two commits that the mirror has; its lock is held."""
    try:
        out = mirror.git.at(mirror.path).diff_tree(
            "-r", "-z", "--raw", "--no-renames", "--no-ext-diff", "--ignore-submodules=none", "--end-of-options",
            base, head,
        )  # fmt: skip
    except BuildError as error:
        if error.kind is not ErrorKind.LIMIT:
            raise
        return NoBase("So many files differ that they are not listed.")
    return Changes(base, head, tuple(_paths(out)), since)


def _paths(raw: bytes) -> list[ChangedPath]:
    """`:<mode> <mode> <hash> <hash> <status>NUL<path>NUL` for every file (git-diff-tree(1), raw output format)."""
    fields = raw.split(b"\0")
    changed = []
    for facts, path in zip(fields[::2], fields[1::2], strict=False):
        modes = facts.lstrip(b":").split(b" ", 2)[:2]
        changed.append(ChangedPath(path.decode("utf-8", "replace"), submodule=_GITLINK in modes))
    return changed
