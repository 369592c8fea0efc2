"""Submodules of a work tree, fetched by the same rules as the repository itself: guarded, mirrored, never outside.

Git's own submodule commands are not used: they keep their repositories inside the tree, trust its `.gitmodules`, and
hand the credential of the repository to whatever URL stands there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from builds.core.cloneurl import over_https, parse_clone_url, resolve_relative, split_credentials
from builds.core.errors import BuildError, ErrorKind
from builds.core.gitfailure import source_error
from builds.engine.gitenv import Remote
from builds.engine.worktree import Listing
from lib.storable import storable

MAX_DEPTH = 8
MAX_COUNT = 200


@dataclass(frozen=True, slots=True)
class Submodule:
    """One submodule: where it goes in the tree, from where, at which commit."""

    path: str
    remote: Remote
    commit: str


def submodules_of(remote: Remote, listing: Listing, warn: Callable[[str], None]) -> list[Submodule]:
    """The submodules of a commit. Those without an address get a warning, a path out of the tree is refused."""
    if len(listing.submodules) > MAX_COUNT:
        raise BuildError(ErrorKind.LIMIT, f"The repository has more than {MAX_COUNT} submodules.")
    found = []
    for path, commit in sorted(listing.submodules.items()):
        if path not in listing.submodule_urls:
            warn(f"The submodule folder `{storable(path)}` stays empty: `.gitmodules` has no address for it.")
            continue
        found.append(Submodule(path, _remote(remote, listing.submodule_urls[path]), commit))
    return found


def place_of(tree: Path, path: str) -> Path:
    """The folder of a submodule inside `tree`; raises where a name or a link on the way leads out of it."""
    parts = PurePosixPath(path).parts
    outside = not parts or path.startswith("/") or any(part in {"..", "."} or part.lower() == ".git" for part in parts)
    place = tree.joinpath(*parts)
    if outside or place.resolve() != tree.resolve().joinpath(*parts):
        raise source_error(f"The submodule path `{path}` leads out of the repository. Nothing was fetched for it.")
    return place


def _remote(remote: Remote, address: str) -> Remote:
    """The credential of the repository goes along to the same server only; one in `.gitmodules` is not used at all."""
    base = parse_clone_url(remote.url)
    url = over_https(parse_clone_url(resolve_relative(base, split_credentials(address).url)), base)
    if url.same_server(base):
        return replace(remote, url=url.text)
    return remote.without_credentials(url.text)
