"""The content of Git LFS files in a work tree: read pointers, have the objects, write them in place. Speaks no HTTP.

Git LFS's own program is not run (`lfsclient` says why), so nothing of it has to be installed on a worker, and nothing
that a repository says about it (transfer agents, extensions, hooks) can run.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path

from builds.core.errors import BuildError, ErrorKind
from builds.core.lfs import POINTER_SIZES, SIGN_BYTES, BadPointer, Pointer, is_pointer, parse_pointer
from builds.core.lfsfailure import bad_pointer, no_room, not_in_folder, off, unassigned, wrong_content
from builds.engine.gitcommand import GuardedGit
from builds.engine.guardedhttp import GuardedHTTP
from builds.engine.lfsclient import LFSClient
from builds.engine.lfsendpoint import configured_url, http_endpoint
from builds.engine.lfsstore import LFSStore, WrongContent
from builds.engine.mirror import Mirror
from builds.engine.worktree import Listing, read_inside
from lib.humanize import format_size, plural

_BATCH = 100
_PARALLEL = 4
_ARGUMENTS = 500
_CHUNK = 1024 * 1024


def bring_content(
    mirror: Mirror, tree_name: str, tree: Path, listing: Listing, *, git_dir: Path | None, keep_free_bytes: int
) -> None:
    """Put content in the place of every LFS pointer of a work tree, from the store of the mirror or from the server.

    `tree_name` is the object name of the commit's tree; `git_dir` is the work tree's own, if it has one. The mirror's
    lock is held, shared at least. Raises `BuildError`: a tree with a pointer left in it is never built.
    """
    files = _pointers(tree, listing)
    if not files:
        return
    objects = _Objects(mirror, configured_url(mirror, tree_name, listing))
    try:
        objects.have(files, keep_free_bytes)
        for path, pointer in files.items():
            mirror.git.stop.check()
            target = tree / path
            if not objects.store.write(pointer, target):
                objects.have({path: pointer}, keep_free_bytes)
                if not objects.store.write(pointer, target):
                    raise wrong_content(path, mirror.git.environment_of_git.asked)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        message = "The disk of the worker that ran this build is full. Its administrator has to make room."
        raise BuildError(ErrorKind.PLATFORM, message, retryable=True, needs_space=True) from error
    objects.store.prune(set(files.values()))
    if git_dir is not None:
        _hide_from_status(mirror.git, git_dir, tree, list(files))
    mirror.git.say(f"Put the content of {plural(len(files), 'Git LFS file')} in place")


def pointer_files(tree: Path, listing: Listing) -> list[bytes]:
    """The files that are pointers now, whatever `.gitattributes` says of each. Looks only where one speaks of LFS."""
    if not listing.speaks_of_lfs:
        return []
    return [path for path in listing.files if is_pointer(read_inside(tree, path, SIGN_BYTES, POINTER_SIZES))]


def left_over_warning(left: list[bytes], *, wanted: bool) -> str:
    """What to say of pointers that stay in the context."""
    return unassigned(len(left), os.fsdecode(left[0])) if wanted else off(len(left))


def _pointers(tree: Path, listing: Listing) -> dict[str, Pointer]:
    found = {}
    for path in listing.lfs_files:
        data = read_inside(tree, path, POINTER_SIZES.stop, POINTER_SIZES)
        if is_pointer(data):  # else it was committed with its content, which Git LFS leaves alone too
            name = os.fsdecode(path)
            try:
                found[name] = parse_pointer(data)
            except BadPointer as error:
                raise bad_pointer(name, str(error)) from error
    return found


class _Objects:
    """The objects of one commit: those that are here, and how to get the others."""

    def __init__(self, mirror: Mirror, configured: str) -> None:
        self.store = LFSStore(mirror.path)
        self._git = mirror.git
        self._configured = configured

    def have(self, files: dict[str, Pointer], keep_free_bytes: int) -> None:
        """Fetch what is missing; what builds before this one fetched is not asked for again."""
        missing = {pointer: path for path, pointer in files.items() if not self.store.has(pointer)}
        self._make_room(files, missing, keep_free_bytes)
        if not missing:
            return
        what = f"{plural(len(missing), 'Git LFS object')} ({format_size(sum(each.size for each in missing))})"
        if self._git.environment_of_git.url.scheme == "file":
            self._git.say(f"Copying {what} from the repository")
            for pointer, path in missing.items():
                self._keep(pointer, path, _local_chunks(self._git, pointer, path))
            return
        http = GuardedHTTP(
            trusted_hosts=self._git.environment_of_git.trusted_hosts,
            stop=self._git.stop,
            deadline=self._git.deadline,
            parallel=_PARALLEL,
        )
        try:
            client = LFSClient(self._git, http, http_endpoint(self._git, self._configured))
            self._git.say(f"Fetching {what} from {client.host}")
            self._fetch(client, http, list(missing.items()))
        finally:
            http.close()

    def _fetch(self, client: LFSClient, http: GuardedHTTP, missing: list[tuple[Pointer, str]]) -> None:
        """Batch by batch: the addresses that a server answers with are good for minutes only."""
        for start in range(0, len(missing), _BATCH):
            part = dict(missing[start : start + _BATCH])
            located = client.locate(part)
            with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="lfs") as pool:
                waiting = [
                    pool.submit(client.download, located[pointer], path, partial(self._keep, pointer, path))
                    for pointer, path in part.items()
                ]
                try:
                    for each in wait(waiting, return_when=FIRST_EXCEPTION).done:
                        each.result()
                except BaseException:
                    http.give_up()
                    pool.shutdown(wait=True, cancel_futures=True)
                    raise

    def _keep(self, pointer: Pointer, path: str, chunks: Iterable[bytes]) -> None:
        try:
            self.store.add(pointer, chunks)
        except WrongContent as error:
            raise wrong_content(path, self._git.environment_of_git.asked) from error

    def _make_room(self, files: dict[str, Pointer], missing: Iterable[Pointer], keep_free_bytes: int) -> None:
        """What stands in the pointers is a stranger's claim, so it is held against the disk before anything is sent."""
        needed = sum(each.size for each in missing) + sum(each.size for each in files.values())
        if needed <= self.store.room() - keep_free_bytes:
            return
        self.store.prune(set(files.values()), unused_s=0)
        free = self.store.room() - keep_free_bytes
        if needed > free:
            raise no_room(needed, free, len(set(files.values())))


def _local_chunks(git: GuardedGit, pointer: Pointer, path: str) -> Iterator[bytes]:
    """An object of a repository on this machine, bare or not; a link must not lead out of what may be cloned from."""
    environment = git.environment_of_git
    inside = Path("lfs", "objects", pointer.oid[:2], pointer.oid[2:4], pointer.oid)
    root = Path(environment.local_root).resolve()
    for folder in (Path(environment.url.path), Path(environment.url.path, ".git")):
        place = (folder / inside).resolve()
        if place.is_file() and place.is_relative_to(root):
            with place.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    git.stop.check()
                    yield chunk
            return
    raise not_in_folder(path, environment.asked)


def _hide_from_status(git: GuardedGit, git_dir: Path, tree: Path, paths: list[str]) -> None:
    """Tell the tree's own `.git` that these files are as committed, as Git LFS's filter would: nothing is `-dirty`."""
    for start in range(0, len(paths), _ARGUMENTS):
        git.at(git_dir, tree).update_index("--assume-unchanged", "--", *paths[start : start + _ARGUMENTS])
