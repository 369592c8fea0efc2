"""A work tree of exactly one commit, and what is found in it: submodules, LFS pointers, the README. Fetches nothing."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from builds.core.gitfailure import source_error
from builds.core.refnames import quoted
from builds.engine.gitcommand import GitFailed, GuardedGit
from builds.engine.mirror import TAGS, Found, Mirror
from builds.engine.workspace import remove
from lib.storable import storable

_GITMODULES = b".gitmodules"
_SUBMODULE = "160000"
_FILES = frozenset({"100644", "100755"})
_LFS_FILTER = b"filter=lfs"
_ATTRIBUTES_BYTES = 1024 * 1024
_READMES = ("readme.md", "readme.markdown", "readme", "readme.txt", "readme.rst")
_README_BYTES = 256 * 1024


@dataclass
class Listing:
    """What the commit holds: `submodules` is path → commit, `submodule_urls` path → URL as `.gitmodules` has it.

    `lfs_files` are those that `.gitattributes` gives to Git LFS, pointers or not; `speaks_of_lfs` where it could.
    """

    files: list[bytes] = field(default_factory=list)
    speaks_of_lfs: bool = False
    lfs_files: list[bytes] = field(default_factory=list)
    submodules: dict[str, str] = field(default_factory=dict)
    submodule_urls: dict[str, str] = field(default_factory=dict)


def fill(mirror: Mirror, found: Found, tree: Path, *, index: Path) -> Listing:
    """Write the files of a commit into `tree`, a new directory, through an index of its own.

    `index` is a file that is not there yet, and not in any work tree; it is removed again. Modes, links and bytes are
    the commit's; `.gitattributes` counts as in any checkout. `tree` holds no `.git`.
    """
    _make(tree)
    try:
        _read_tree(mirror.git, mirror.path, found.tree, tree, index)
        return _list(mirror.git, mirror.path, tree, index, found.tree)
    finally:
        index.unlink(missing_ok=True)
        index.with_name(f"{index.name}.lock").unlink(missing_ok=True)  # of a Git that was stopped


def fill_with_git_dir(mirror: Mirror, found: Found, tree: Path, branch: str) -> Listing:
    """The same with a `.git` of its own: history and tags, the URL without credentials, nothing of the mirror.

    HEAD is `branch`, or detached where `branch` is "". After this `git describe` and `git status` work in the tree.
    """
    git, git_dir = mirror.git, tree / ".git"
    _make(tree)
    object_format = f"--object-format={'sha256' if len(found.commit) == 64 else 'sha1'}"  # noqa: PLR2004
    git.init("--quiet", object_format, "--", str(tree))
    head = f"refs/heads/{branch}" if branch else "refs/imageyard/head"
    git.at(git_dir).fetch(
        "--no-tags", "--no-write-fetch-head", "--quiet", "--update-head-ok",
        "--", str(mirror.path), f"+{found.commit}:{head}", f"+{TAGS}/*:refs/tags/*",
        env={"GIT_ALLOW_PROTOCOL": "file", "GIT_PROTOCOL_FROM_USER": "1"},
    )  # fmt: skip
    if branch:
        git.at(git_dir).symbolic_ref("HEAD", head)
    else:
        git.at(git_dir).update_ref("--no-deref", "HEAD", found.commit)
        git.at(git_dir).update_ref("-d", head)
    git.at(git_dir).config("remote.origin.url", git.environment_of_git.url.text)
    _read_tree(git, git_dir, found.tree, tree, git_dir / "index")
    if git.at(git_dir).rev_parse("HEAD").decode().strip() != found.commit:
        raise source_error(f"The work tree is not at commit {found.commit[:7]}. Build again.")
    return _list(git, git_dir, tree, git_dir / "index", found.tree)


def _make(tree: Path) -> None:
    try:
        tree.mkdir(parents=True)
    except FileExistsError:
        if tree.is_symlink() or any(tree.iterdir()):
            raise
    tree.chmod(0o755)  # whatever our umask is: the mode of the context's root reaches the image


def _read_tree(git: GuardedGit, git_dir: Path, tree_name: str, tree: Path, index: Path) -> None:
    env = {"GIT_INDEX_FILE": str(index)}
    try:
        git.at(git_dir, tree).read_tree("-m", "-u", tree_name, env=env)
    except GitFailed as failed:
        refused = re.search(r"invalid path '(?P<path>.*)'", failed.stderr)
        if refused is None:
            raise
        raise source_error(
            f"Git does not write {quoted(refused['path'])}: names such as `.git` and links such as `.gitmodules` are "
            "not allowed in a repository. Remove it there."
        ) from failed


def _list(git: GuardedGit, git_dir: Path, tree: Path, index: Path, tree_name: str) -> Listing:
    listing = Listing()
    out = git.at(git_dir).ls_files("--stage", "-z", env={"GIT_INDEX_FILE": str(index)})
    for entry in out.split(b"\0"):
        head, _, path = entry.partition(b"\t")
        words = head.decode("ascii", "replace").split()
        if words and words[0] == _SUBMODULE:
            listing.submodules[os.fsdecode(path)] = words[1]
        elif words and words[0] in _FILES:
            listing.files.append(path)
    # A `.gitmodules` that is a link is no file in the index, and so is not followed.
    if listing.submodules and _GITMODULES in listing.files:
        listing.submodule_urls = _submodule_urls(git, git_dir, f"{tree_name}:{os.fsdecode(_GITMODULES)}")
    listing.speaks_of_lfs = _speaks_of_lfs(tree, listing)
    if listing.speaks_of_lfs:
        env = {"GIT_INDEX_FILE": str(index)}
        out = git.at(git_dir, tree).ls_files("-z", "--", ":(top,attr:filter=lfs)", env=env)
        files = frozenset(listing.files)
        listing.lfs_files = [path for path in out.split(b"\0") if path in files]
    return listing


def _speaks_of_lfs(tree: Path, listing: Listing) -> bool:
    for path in listing.files:
        if path.rpartition(b"/")[2] == b".gitattributes":
            text = read_inside(tree, path, _ATTRIBUTES_BYTES)
            if _LFS_FILTER in text or len(text) == _ATTRIBUTES_BYTES:
                return True
    return False


def _submodule_urls(git: GuardedGit, git_dir: Path, blob: str) -> dict[str, str]:
    """Path → URL of a `.gitmodules`, see gitmodules(5), read by Git and without what it may include."""
    try:
        out = git.at(git_dir).config(
            "-z", "--no-includes", f"--blob={blob}", "--get-regexp", r"^submodule\..*\.(path|url)$"
        )
    except GitFailed as failed:
        if failed.returncode == 1:  # nothing matches
            return {}
        raise source_error("The file `.gitmodules` cannot be read. Check it with `git submodule status`.") from failed
    sections: dict[str, dict[str, str]] = {}
    for entry in out.split(b"\0"):
        key, newline, value = os.fsdecode(entry).partition("\n")
        if newline:
            section, _, name = key.rpartition(".")
            sections.setdefault(section, {})[name] = value
    found = [values for values in sections.values() if {"path", "url"} <= values.keys()]
    return {values["path"].rstrip("/"): values["url"] for values in found}


def find_readme(tree: Path, listing: Listing) -> str:
    """The README at the root, "" for none; at most 256 KiB of it."""
    at_root = {path.lower(): path for path in listing.files if b"/" not in path}
    name = next((at_root[name.encode()] for name in _READMES if name.encode() in at_root), None)
    return storable(read_inside(tree, name, _README_BYTES).decode("utf-8", "replace")) if name else ""


def read_inside(tree: Path, path: bytes, limit: int, sizes: range | None = None) -> bytes:
    """The first `limit` bytes of a regular file of the tree; b"" for anything else. Follows no link."""
    try:
        fd = os.open(os.path.join(os.fsencode(tree), path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # noqa: PTH118 — bytes
    except OSError:
        return b""
    with os.fdopen(fd, "rb") as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or (sizes is not None and status.st_size not in sizes):
            return b""
        return file.read(limit)


def clear(tree: Path) -> None:
    """Make room for a new work tree. A folder stays, without its content: somebody may be looking for it already."""
    if tree.is_symlink() or not tree.is_dir():
        remove(tree)
        return
    for entry in tree.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            remove(entry)
        else:
            entry.unlink()
