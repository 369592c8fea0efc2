"""Check out one commit, list refs, compare commits: the face of Git for the pipeline. How each is done is next door.

`gitenv` lays out configuration and credentials, `gitcommand` runs Git, `mirror` fetches, `worktree` writes files,
`submodules` says where a tree's submodules come from, `lfs` brings large files. Every failure leaves here as a
`BuildError` with its sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from builds.core.errors import BuildError, ErrorKind
from builds.core.gitfailure import (
    explain_git_failure,
    host_key_unknown,
    is_host_key_unknown,
    is_redirect,
    no_commits,
    redirected,
    ref_missing,
    source_error,
)
from builds.core.refnames import ONE, RefType, name_problem, quoted
from builds.engine.gitcommand import GitFailed, GuardedGit, Log
from builds.engine.gitenv import Remote, git_environment
from builds.engine.lfs import bring_content, left_over_warning, pointer_files
from builds.engine.mirror import FULL_SHA, Found, Lock, Mirror, RefMissing, Relation, mirror_name
from builds.engine.process import StopFlag
from builds.engine.remoterefs import RemoteRef, RemoteRefs, new_address, read_refs
from builds.engine.sshkeys import scan_host_keys
from builds.engine.submodules import MAX_DEPTH, place_of, submodules_of
from builds.engine.worktree import Listing, clear, fill, fill_with_git_dir, find_readme

__all__ = ["Checkout", "Remote", "RemoteRef", "RemoteRefs", "checkout", "list_refs", "open_git", "relation"]

_SHORTEST_SHA = 7
_RELATION_S = 30.0


@dataclass(frozen=True)
class Checkout:
    """What was checked out. `commit` is the full name of a commit, also where a tag object was asked for.

    `warnings` are sentences for the build's page, `readme` is the text of the README at the root ("" for none).
    """

    commit: str
    message: str
    author: str
    warnings: tuple[str, ...]
    readme: str


def checkout(
    remote: Remote,
    *,
    ref_type: RefType,
    ref: str,
    commit: str | None,
    mirror: Path,
    tree: Path,
    submodules: bool = True,
    keep_git_dir: bool = False,
    lfs: bool = False,
    keep_free_bytes: int = 0,
    git_ref: str = "",
    trusted: bool = True,
    log: Log,
    stop: StopFlag,
    timeout_s: float,
) -> Checkout:
    """Put the files of `commit`, or of the newest commit of `ref` where it is None, into `tree`.

    `ref` "" is the default branch; for a pull request it is the target branch. `mirror` is kept for the next build,
    `tree` is made anew. With `lfs` the content of Git LFS files is fetched, as long as `keep_free_bytes` stay free on
    the disk. `git_ref` is the full name under which the server keeps the commit where that is not the ref's own
    (`refs/pull/7/head`). Code that is not `trusted` may not say which other repositories are cloned with the source's
    credential: its submodules are fetched without. `log` gets Git's progress, masked. Raises `BuildError`, or
    `Stopped` when `stop` was raised.
    """
    _check_names(ref_type, ref, commit)
    mirror, tree = mirror.absolute(), tree.absolute()
    with open_git(remote, stop=stop, timeout_s=timeout_s, log=log) as git:
        name = ref or _default_branch(git)
        index = tree.with_name(f"{tree.name}.index")
        wanted = _Wanted(submodules, keep_git_dir, lfs, keep_free_bytes, git_ref, trusted)
        job = _Job(remote.clean(), git, mirror, index, wanted)
        return job.run(ref_type, name, commit, tree)


def list_refs(remote: Remote, *, stop: StopFlag, timeout_s: float) -> RemoteRefs:
    """Branches and tags as the server has them now, annotated tags peeled. An empty repository has none."""
    with open_git(remote, stop=stop, timeout_s=timeout_s, log=lambda _: None) as git:
        return read_refs(git)


def relation(mirror: Path, candidate_commit: str, holder_commit: str) -> Relation:
    """How the candidate's commit stands to the holder's, from what the mirror has; fetches nothing."""
    if candidate_commit == holder_commit:
        return "same"
    if not mirror.is_dir():
        return "unknown"
    here = Remote(url=f"file://{quote(str(mirror.absolute()))}", local_root=str(mirror.absolute().parent))
    with open_git(here, stop=StopFlag(), timeout_s=_RELATION_S, log=lambda _: None) as git:
        return Mirror(mirror, git).relation(candidate_commit, holder_commit)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What of a commit the source asks for."""

    submodules: bool
    git_dir: bool
    lfs: bool
    keep_free_bytes: int
    git_ref: str
    trusted: bool


class _Job:
    """One checkout with all its submodules."""

    def __init__(self, remote: Remote, git: GuardedGit, mirror: Path, index: Path, wanted: _Wanted) -> None:
        self.remote = remote
        self.index = index
        self.git = git
        self.mirror = Mirror(mirror, git)
        self.wanted = wanted
        self.warnings: list[str] = []
        self.pointers: list[bytes] = []

    def run(self, ref_type: RefType, ref: str, commit: str | None, tree: Path) -> Checkout:
        what = f"commit {commit[:7]}" if commit else f"{ONE[ref_type]} {ref}"
        self.git.say(f"Fetching {what} from {self.git.environment_of_git.url.place}")
        with self.mirror.locked() as lock:
            found, listing = self.mirror.repairing(
                lock, lambda: self._obtain_and_fill(lock, ref_type, ref, commit, tree)
            )
            self.mirror.tidy(lock)
        self.git.say(f"Checked out {found.commit[:7]}, {len(listing.files):,} files")
        inner = self.remote if self.wanted.trusted else self.remote.without_credentials(self.remote.url)
        self._look_into(inner, tree, listing, depth=0)
        if self.pointers:
            self.warnings.append(left_over_warning(self.pointers, wanted=self.wanted.lfs))
        return Checkout(found.commit, found.message, found.author, tuple(self.warnings), find_readme(tree, listing))

    def _obtain_and_fill(
        self, lock: Lock, ref_type: RefType, ref: str, commit: str | None, tree: Path
    ) -> tuple[Found, Listing]:
        clear(tree)
        full = self.wanted.git_ref or (f"refs/tags/{ref}" if ref_type == "tag" else f"refs/heads/{ref}")
        try:
            found = self.mirror.obtain(ref=full, commit=commit, tags=self.wanted.git_dir)
        except RefMissing as missing:
            raise _missing(self.git, ref_type, ref) from missing
        lock.shared()
        if self.wanted.git_dir:
            listing = fill_with_git_dir(self.mirror, found, tree, ref if ref_type == "branch" else "")
            self._bring_content(self.mirror, found, tree, listing, git_dir=tree / ".git")
        else:
            listing = fill(self.mirror, found, tree, index=self.index)
            self._bring_content(self.mirror, found, tree, listing)
        return found, listing

    def _bring_content(
        self, mirror: Mirror, found: Found, tree: Path, listing: Listing, git_dir: Path | None = None
    ) -> None:
        if self.wanted.lfs:
            free = self.wanted.keep_free_bytes
            bring_content(mirror, found.tree, tree, listing, git_dir=git_dir, keep_free_bytes=free)

    def _look_into(self, remote: Remote, tree: Path, listing: Listing, *, depth: int) -> None:
        self.pointers += pointer_files(tree, listing)
        if not self.wanted.submodules:
            if listing.submodules and depth == 0:
                self.warnings.append(_unasked_sentence(len(listing.submodules)))
            return
        for submodule in submodules_of(remote, listing, self.warnings.append):
            if depth >= MAX_DEPTH:
                raise BuildError(ErrorKind.LIMIT, f"Submodules are nested more than {MAX_DEPTH} deep.")
            place = place_of(tree, submodule.path)
            try:
                inner = self._fetch_submodule(submodule.remote, submodule.commit, place)
            except BuildError as error:
                message = f"Submodule `{submodule.path}`: {error.message}"
                raise BuildError(error.kind, message, retryable=error.retryable) from error
            self._look_into(submodule.remote, place, inner, depth=depth + 1)

    def _fetch_submodule(self, remote: Remote, commit: str, place: Path) -> Listing:
        left = self.git.deadline - self.git.started
        with open_git(remote, stop=self.git.stop, timeout_s=left, log=self.git.to_log) as git:
            git.deadline = self.git.deadline
            git.say(f"Fetching submodule {git.environment_of_git.url.place} at {commit[:7]}")
            mirror = Mirror(self._mirror_of(git.environment_of_git.url.text), git)

            def obtain_and_fill(lock: Lock) -> Listing:
                clear(place)
                found = mirror.obtain(ref=None, commit=commit)
                lock.shared()
                listing = fill(mirror, found, place, index=self.index)
                self._bring_content(mirror, found, place, listing)
                return listing

            with mirror.locked() as lock:
                listing = mirror.repairing(lock, lambda: obtain_and_fill(lock))
                mirror.tidy(lock)
            return listing

    def _mirror_of(self, url: str) -> Path:
        """Submodules of one source share no mirror with other sources, whose credentials may see more."""
        return self.mirror.path.with_name(f"{self.mirror.path.name}.submodules") / mirror_name(url)


@contextmanager
def open_git(remote: Remote, *, stop: StopFlag, timeout_s: float, log: Log) -> Iterator[GuardedGit]:
    """Git for one remote; a command that fails inside becomes its sentence."""
    with git_environment(remote) as environment:
        git = GuardedGit(environment, stop=stop, timeout_s=timeout_s, log=log)
        try:
            yield git
        except GitFailed as failed:
            raise _explained(git, remote, failed) from failed


def _explained(git: GuardedGit, remote: Remote, failed: GitFailed) -> BuildError:
    """The sentence, with what has to be looked up for it: a server's fingerprint, a redirect's target."""
    environment = git.environment_of_git
    if is_redirect(failed.stderr):
        return redirected(environment.asked, new_address(git))
    if environment.url.scheme == "ssh" and is_host_key_unknown(failed.stderr):
        keys = scan_host_keys(
            environment.url.host, environment.url.port, trusted_hosts=remote.trusted_hosts, stop=git.stop
        )
        return host_key_unknown(environment.asked, [key.fingerprint for key in keys[:1]])
    return explain_git_failure(failed.stderr, environment.asked)


def _check_names(ref_type: RefType, ref: str, commit: str | None) -> None:
    problem = name_problem(ref) if ref else None
    if problem:
        raise source_error(f"{quoted(ref)} is not a name that Git allows for a {ONE[ref_type]}: {problem}.")
    if commit is None:
        return
    digits = commit.lower() == commit and all(character in "0123456789abcdef" for character in commit)
    if not digits or not (FULL_SHA.fullmatch(commit) or _SHORTEST_SHA <= len(commit) < 40):  # noqa: PLR2004
        raise source_error(f"{quoted(commit)} is not a commit: write its name, 7 to 40 hexadecimal digits.")
    if not commit.strip("0"):
        raise source_error("The ref was deleted: its commit is all zeros, and there is nothing to build.")


def _default_branch(git: GuardedGit) -> str:
    refs = read_refs(git)
    if refs.default_branch is None:
        raise _missing(git, "branch", "", refs)
    return refs.default_branch


def _missing(git: GuardedGit, ref_type: RefType, ref: str, refs: RemoteRefs | None = None) -> BuildError:
    refs = refs or read_refs(git)
    if not refs.refs:
        return no_commits(git.environment_of_git.asked)
    wanted: RefType = "tag" if ref_type == "tag" else "branch"
    kind = ONE[wanted] if ref else "default branch"
    return ref_missing(kind, ref, [each.name for each in refs.refs if each.type == wanted])


def _unasked_sentence(count: int) -> str:
    modules = "1 submodule stays" if count == 1 else f"{count} submodules stay"
    return f"{modules} empty: the source does not ask for them."
