"""A bare mirror per source on the worker: locked, fetched incrementally, rebuilt when damaged. Work trees are not here.

A mirror holds the whole history of the refs that were built, because floating tags ask which commit is newer; commits
are cheap, and after the first fetch only what is new comes over. Refs are kept under the hash of their name: a branch
`a/b` then fits where a branch `a` has been.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from builds.core.errors import BuildError, Stopped
from builds.core.gitfailure import commit_gone, is_broken_mirror, is_missing_object, is_missing_ref, too_slow
from builds.engine.gitcommand import GitFailed, GuardedGit
from builds.engine.workspace import remove
from lib.storable import storable

Relation = Literal["same", "ancestor", "descendant", "diverged", "unknown"]

T = TypeVar("T")

FULL_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
TAGS = "refs/all/tags"
_HEADS = "refs/all/heads"
_LOCK_POLL_S = 0.05
_MANY_PACKS = 50
_MANY_LOOSE = 40
"""Of 256 directories of loose objects one is counted; Git itself tidies up at about 27 in it."""


class RefMissing(Exception):  # noqa: N818 — the caller knows what to say
    """The server has no such ref."""


@dataclass(frozen=True, slots=True)
class Found:
    """A commit in the mirror; `tree` is its tree's object name."""

    commit: str
    tree: str
    author: str
    message: str


class Mirror:
    """The bare repository at `path`. Everything but `locked` wants the lock to be held."""

    def __init__(self, path: Path, git: GuardedGit) -> None:
        self.path = path
        self.git = git
        self._sha256 = False

    @contextmanager
    def locked(self) -> Iterator[Lock]:
        """Keep other builds of the same source out; waits until the deadline of `git`, and stops with it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with (self.path.parent / f"{self.path.name}.lock").open("a") as file:
            lock = Lock(file.fileno(), self.git)
            lock.exclusive()
            yield lock

    def obtain(self, *, ref: str | None, commit: str | None, tags: bool = False) -> Found:
        """Have `commit` here (full or abbreviated), or the newest of `ref` (a full name) where it is None.

        What was built before is not asked for again; a server that is away does no harm where the commit is here.
        Annotated tags are peeled. Raises `RefMissing`, and `BuildError` where the commit is gone.
        """
        self._create(commit)
        found = self.find(commit) if commit is not None and not tags and self._is_loose(commit) else None
        if found is not None:
            return found
        tracking = self.tracking(ref) if ref else ""
        try:
            if ref:
                self._fetch_ref(ref, tracking, must=commit is None, tags=tags)
        except (GitFailed, BuildError):
            found = self.find(commit) if commit is not None and (self.path / "HEAD").exists() else None
            if found is None:
                raise
            return found
        found = self.find(tracking if commit is None else commit)
        if found is None and commit is not None:
            found = self._fetch_commit(commit)
        if found is None:
            raise RefMissing
        return found

    def repairing(self, lock: Lock, action: Callable[[], T]) -> T:
        """Do `action`; if the mirror turns out to be damaged, throw it away and do it once more."""
        try:
            return action()
        except GitFailed as failed:
            if not is_broken_mirror(failed.stderr):
                raise
            self._sha256 = "server sha256" in failed.stderr
            if not self._sha256:
                self.git.say("The worker's copy of the repository is damaged; it is fetched anew.")
            lock.exclusive()
            remove(self.path)
            return action()

    def _create(self, commit: str | None) -> None:
        if (self.path / "HEAD").exists():
            return
        remove(self.path)
        sha256 = self._sha256 or len(commit or "") == 64  # noqa: PLR2004 — the length of a SHA-256 object name
        self.git.init("--quiet", "--bare", f"--object-format={'sha256' if sha256 else 'sha1'}", "--", str(self.path))

    def _is_loose(self, commit: str) -> bool:
        """Whether the object is here for sure, without asking Git: small fetches leave their objects unpacked."""
        return (self.path / "objects" / commit[:2] / commit[2:]).is_file()

    def _fetch_ref(self, ref: str, tracking: str, *, must: bool, tags: bool) -> None:
        wanted = [f"+{ref}:{tracking}", *([f"+refs/tags/*:{TAGS}/*"] if tags else [])]
        try:
            self._fetch(*wanted)
        except GitFailed as failed:
            if not is_missing_ref(failed.stderr):
                raise
            if must:
                raise RefMissing from failed

    def _fetch_commit(self, commit: str) -> Found | None:
        """A commit that its ref no longer leads to: by its name, or else with everything that the server has."""
        if FULL_SHA.fullmatch(commit) and (found := self.fetch_exactly(commit)) is not None:
            return found
        self._fetch("--prune", f"+refs/heads/*:{_HEADS}/*", f"+refs/tags/*:{TAGS}/*")
        found = self.find(commit)
        if found is None:
            raise commit_gone(commit)
        return found

    def fetch_exactly(self, commit: str) -> Found | None:
        """A commit by its full name; None where the server has it no more, or gives out only what a ref points at."""
        try:
            self._fetch(f"{commit}:refs/commits/{commit}")
        except GitFailed as failed:
            if not is_missing_object(failed.stderr):
                raise
            return None
        return self.find(commit)

    def _fetch(self, *wanted: str) -> None:
        options = [word for word in wanted if word.startswith("--")]
        refspecs = [word for word in wanted if not word.startswith("--")]
        self.git.at(self.path).fetch(
            "--no-tags", "--no-write-fetch-head", "--quiet", "--progress", "--force", *options,
            "--", self.git.environment_of_git.url.text, *refspecs,
        )  # fmt: skip

    def find(self, name: str) -> Found | None:
        """Look up a commit, tag object or ref in the mirror; None where it is not here."""
        try:
            out = self.git.at(self.path).log(
                "-1", "--no-show-signature", "--encoding=UTF-8", "--format=%H%x00%T%x00%an%x00%B",
                "--end-of-options", f"{name}^{{commit}}", "--",
            )  # fmt: skip
        except GitFailed as failed:
            if is_broken_mirror(failed.stderr):
                raise
            return None
        parts = [storable(part) for part in out.decode("utf-8", "replace").split("\0", 3)]
        return Found(parts[0], parts[1], parts[2], parts[3].strip()) if len(parts) == 4 else None  # noqa: PLR2004

    def relation(self, candidate: str, holder: str) -> Relation:
        """How `candidate` stands to `holder`: its ancestor (older), its descendant (newer), or neither."""
        if candidate == holder:
            return "same"
        if not (self.path / "HEAD").exists() or not (FULL_SHA.fullmatch(candidate) and FULL_SHA.fullmatch(holder)):
            return "unknown"
        for older, newer, answer in ((holder, candidate, "descendant"), (candidate, holder, "ancestor")):
            try:
                self.git.at(self.path).merge_base("--is-ancestor", older, newer)
            except GitFailed as failed:
                if failed.returncode != 1:
                    return "unknown"
            else:
                return "descendant" if answer == "descendant" else "ancestor"
        return "diverged"

    def tidy(self, lock: Lock) -> None:
        """Pack the mirror when many fetches have left many pieces; a failure only means that it stays untidy."""
        packs = len(list((self.path / "objects" / "pack").glob("*.pack")))
        loose = len(list((self.path / "objects" / "17").glob("*")))
        if packs < _MANY_PACKS and loose < _MANY_LOOSE:
            return
        lock.exclusive()
        with suppress(GitFailed):
            self.git.at(self.path).gc("--quiet")

    @staticmethod
    def tracking(ref: str) -> str:
        return f"refs/built/{hashlib.sha256(ref.encode()).hexdigest()[:40]}"


class Lock:
    """The hold on a mirror that `Mirror.locked` gives."""

    def __init__(self, fd: int, git: GuardedGit) -> None:
        self._fd = fd
        self._git = git

    def exclusive(self) -> None:
        """For whoever changes the mirror."""
        said = False
        while not self._take(fcntl.LOCK_EX):
            if not said:
                self._git.say("Another build of this source is fetching; waiting for it.")
                said = True
            if time.monotonic() > self._git.deadline:
                raise too_slow(self._git.environment_of_git.asked, self._git.timeout_s)
            if self._git.stop.wait(_LOCK_POLL_S):
                raise Stopped(self._git.stop.reason or "lost")

    def shared(self) -> None:
        """For whoever only reads: other readers may go on, nobody tidies up underneath."""
        fcntl.flock(self._fd, fcntl.LOCK_SH)

    def _take(self, how: int) -> bool:
        try:
            fcntl.flock(self._fd, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def mirror_name(url: str) -> str:
    """The directory of a mirror: the same URL always has the same one."""
    return f"{hashlib.sha256(os.fsencode(url)).hexdigest()[:24]}.git"
