"""Which changed files of a repository a COPY takes. What changed is not found out here, nor what BuildKit left out.

`.dockerignore` is BuildKit's own business. It is read here only to not name a file that BuildKit never saw, and only as
far as there is no doubt: a file with an exception (`!`) in it counts for nothing here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from builds.core.pathfilter import read_globs
from builds.core.paths import BadPathError, clean_path

_SPECIAL = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class ChangedFiles:
    """The files that differ between the commits of two builds, from the root of the repository, before any cut.

    `submodules` are those of them that stand for a whole repository, whose own files nobody compared. `ignore` is the
    text of the `.dockerignore` that counts; `why_unknown` is a sentence where nobody could compare.
    """

    paths: tuple[str, ...] = ()
    submodules: frozenset[str] = frozenset()
    context: str = "."
    ignore: str = ""
    ignore_name: str = ".dockerignore"
    why_unknown: str = ""


def taken(changed: ChangedFiles, sources: Sequence[str]) -> tuple[str, ...]:
    """Those that an operation with these `src` takes, relative to the context, as far as `.dockerignore` lets them."""
    inside = list(_inside(changed, changed.paths))
    whole = set(_inside(changed, changed.submodules))
    certain = _certainly_ignored(changed.ignore, inside)
    return tuple(
        path
        for path in inside
        if path not in certain
        and any(_takes(source, path) or (path in whole and _is_below(source, path)) for source in sources)
    )


def ignore_changed(changed: ChangedFiles) -> bool:
    """Whether the list of what is ignored is among the changes: then files come and go that did not change."""
    return changed.ignore_name in changed.paths


def sources_in_words(words: str) -> tuple[str, ...]:
    """What `COPY --chmod=755 a b /c/` takes, for a build of which only the names are known: everything but the last."""
    parts = words.split()[1:]
    while parts and parts[0].startswith("--"):
        del parts[0]
    if parts and parts[0].startswith("["):
        try:
            parts = json.loads(" ".join(parts))
        except ValueError:
            return ()
    named = [part for part in parts[:-1] if isinstance(part, str) and not part.startswith("<<")]
    return tuple(f"/{part.removeprefix('./').strip('/')}" for part in named)


def mounted_sources(words: str) -> tuple[str, ...]:
    """What of the context a `RUN --mount=type=bind` reads: its `source`, the whole of it by default."""
    found = []
    for options in re.findall(r"--mount=(\S+)", words):
        fields = dict(part.partition("=")[::2] for part in options.split(","))
        if fields.get("type", "bind") == "bind" and not fields.get("from"):
            found.append(f"/{(fields.get('source') or fields.get('src') or '').strip('/')}")
    return tuple(found)


def _is_below(source: str, folder: str) -> bool:
    return source.strip("/").startswith(f"{folder}/")


def _inside(changed: ChangedFiles, paths: Iterable[str]) -> Iterable[str]:
    try:
        folder = clean_path(changed.context, "context")
    except BadPathError:
        folder = "."
    start = "" if folder == "." else f"{folder}/"
    return (path.removeprefix(start) for path in paths if path.startswith(start))


def _takes(source: str, path: str) -> bool:
    """A source is a file, a folder with all below it, or a pattern of Go's `filepath.Match`, whose `*` stops at `/`."""
    wanted = source.strip("/")
    if wanted in ("", "."):
        return True
    if not _SPECIAL.search(wanted):
        return path == wanted or path.startswith(f"{wanted}/")
    depth = wanted.count("/") + 1
    head = "/".join(path.split("/")[:depth])
    return re.fullmatch(_as_regex(wanted), head) is not None


def _as_regex(pattern: str) -> str:
    """`*` and `?` within one part of a path; a set in brackets is any character, as to name too much does no harm."""
    pattern = re.sub(r"\[[^\]/]*\]", "?", pattern)
    return "".join({"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char)) for char in pattern)


def _certainly_ignored(text: str, paths: Sequence[str]) -> set[str]:
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines or any(line.startswith("!") for line in lines):
        return set()
    # Patterns stand at the root of the context, where those of `.gitignore` stand at any depth.
    globs = tuple(f"/{line.strip('/')}" for line in lines if _is_plain(line))
    try:
        spec = read_globs(globs)
        return {path for path in paths if spec.match_file(path)}
    except (ValueError, re.error):
        return set()


def _is_plain(line: str) -> bool:
    """A pattern that both kinds of list read alike; one that is left out here only names more than it should."""
    parts = line.strip("/").split("/")
    return not re.search(r"[\[\\\x00-\x20]", line) and all(part not in ("", ".", "..") for part in parts)
