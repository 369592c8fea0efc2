"""What a mirror tells of two commits without asking any server: which files differ, and the text of one of them."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

from builds.core.errors import BuildError
from builds.core.pathfilter import Changes
from builds.engine.git import Remote, open_git
from builds.engine.gitcommand import GitFailed
from builds.engine.gitdiff import NoBase, difference
from builds.engine.mirror import FULL_SHA, Mirror
from builds.engine.process import StopFlag

# git-ls-tree(1) with -l -z: mode, type, object, size, path.
_FILE = re.compile(rb"100(?:644|755) blob (?P<object>[0-9a-f]+) +(?P<size>\d+)\t(?P<path>[^\0]*)\0")
_GONE = "The worker's copy of the repository does not have both commits."


def look(
    mirror: Path, base: str, head: str, *, names: tuple[str, ...] = (), most_bytes: int, timeout_s: float
) -> tuple[Changes | NoBase, dict[str, str]]:
    """The files that differ between two commits that were built here, and the texts of those of `names` in `head`.

    Fetches nothing. A name that is no file there, or is too long, has no text. Where the mirror cannot tell, it
    says so and raises nothing.
    """
    if not (mirror.is_dir() and FULL_SHA.fullmatch(base) and FULL_SHA.fullmatch(head)):
        return NoBase(_GONE), {}
    place = mirror.absolute()
    here = Remote(url=f"file://{quote(str(place))}", local_root=str(place.parent))
    try:
        with open_git(here, stop=StopFlag(), timeout_s=timeout_s, log=lambda _: None) as git:
            copy = Mirror(place, git)
            with copy.locked() as lock:
                lock.shared()
                return difference(copy, base, head), _texts(copy, head, names, most_bytes)
    except (GitFailed, BuildError):
        return NoBase(_GONE), {}


def _texts(mirror: Mirror, commit: str, names: tuple[str, ...], most_bytes: int) -> dict[str, str]:
    named = [name for name in names if name]
    if not named:
        return {}
    listed: bytes = mirror.git.at(mirror.path).ls_tree("-l", "-z", "--full-tree", commit, "--", *named)
    found = {}
    for entry in _FILE.finditer(listed):
        name = entry["path"].decode("utf-8", "replace")
        if name in named and int(entry["size"]) <= most_bytes:
            content: bytes = mirror.git.at(mirror.path).cat_file("blob", entry["object"].decode())
            found[name] = content.decode("utf-8", "replace")
    return found
