"""Path filters: which changed files a rule watches, by globs as in `.gitignore`. Where changes come from is not here.

The globs are read by `pathspec` and run by RE2, in linear time whatever a stranger writes. The last glob that matches
decides; `!` takes back what earlier ones said.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pathspec

from builds.core.paths import BadPathError, clean_path
from builds.core.refnames import quoted

MAX_GLOBS = 100
MAX_GLOB = 300
_MATCHED = 20
"""Paths that a verdict names at most."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
# Python's `re`, which pathspec asks first, warns of these: they may come to mean sets within sets.
_SET = re.compile(r"\[[^\]]*(?:\[|--|&&|~~|\|\|)")
_SPECIAL = re.compile(r"([\\*?\[\]!#])")


@dataclass(frozen=True, slots=True)
class ChangedPath:
    """A file that differs; `submodule`: a pointer to a commit of another repository, whose files may be any."""

    path: str
    submodule: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs between two commits, as full names; `since` says in words what `base` is where it is not obvious."""

    base: str
    head: str
    paths: tuple[ChangedPath, ...]
    since: str = ""


@dataclass(frozen=True, slots=True)
class PathVerdict:
    """Whether the changes are to be built; `matched` are the first of the paths that the rule watches."""

    builds: bool
    sentence: str
    matched: tuple[str, ...] = ()


def glob_problem(glob: str) -> str | None:
    """Why `glob` cannot be one, as a sentence; None if it can."""
    if not glob.strip():
        return "A glob is empty: leave the line out."
    if len(glob) > MAX_GLOB:
        return f"A glob has at most {MAX_GLOB} characters; {quoted(glob[:40])}… has {len(glob)}."
    why = _why_no_glob(glob)
    return f"{quoted(glob)} is not a glob: {why}." if why else None


def _why_no_glob(glob: str) -> str:
    """Half a sentence, "" for a glob."""
    bare = glob.removeprefix("!")
    checks = (
        (_CONTROL.search(glob), "it holds a control character"),
        (glob.startswith("#"), "it is a comment; a name that begins with `#` is written `\\#`"),
        (not bare.strip("/"), "it names nothing; `**` is every file"),
        (bare.startswith("./") or ".." in bare.split("/"), "paths go from the root, without `./` and `..`"),
        (_SET.search(bare), "between brackets stand single characters and ranges, such as `[a-z]`"),
    )
    if why := next((sentence for found, sentence in checks if found), ""):
        return why
    try:
        read_globs((glob,))
    except (ValueError, re.error):
        return "look for a lone `\\` at its end, and for a range that runs backwards"
    return ""


def globs_problems(globs: Sequence[str], *, watched: bool) -> tuple[str, ...]:
    """Everything that is wrong with a list of globs; `watched` for those of what counts."""
    problems = [problem for glob in globs if (problem := glob_problem(glob))]
    if watched and globs and globs[0].startswith("!"):
        problems.append(f"{quoted(globs[0])} takes back what nothing before it named: say first what counts.")
    if len(globs) > MAX_GLOBS:
        problems.append(f"These are {len(globs)} globs; {MAX_GLOBS} is the most.")
    return tuple(problems)


@functools.lru_cache(maxsize=128)
def read_globs(globs: tuple[str, ...]) -> pathspec.PathSpec[Any]:
    """The globs together. Raises ValueError or re.error for what `glob_problem` has a sentence for."""
    try:
        return pathspec.PathSpec.from_lines("gitignore", globs, backend="re2")
    except re.error:
        raise
    except Exception as error:  # RE2 has an exception of its own that is none of Python's
        raise ValueError(str(error)) from error


def judge_paths(include: Sequence[str], exclude: Sequence[str], changes: Changes) -> PathVerdict:
    """Whether a push with these changes is built by a rule with these globs.

    No `include` is every path. One changed path that counts is enough. A list with a mistake in it, which no form would
    have saved, watches everything: building too much is seen, building too little is not.
    """
    try:
        watched = [_shown(each.path) for each in changes.paths if _counts(each, tuple(include), tuple(exclude))]
    except (ValueError, re.error):
        return PathVerdict(True, "Built: the rule's path filters cannot be read, so every change counts.")
    between = _between(changes)
    if watched:
        more = len(watched) - 1
        others = f" and {more:,} more" if more else ""
        sentence = f"Built: {quoted(watched[0])}{others} changed {between}, and this rule watches that."
        return PathVerdict(True, sentence, tuple(watched[:_MATCHED]))
    count = len(changes.paths)
    if not count:
        return PathVerdict(False, f"Skipped: no file changed {between}.")
    first = quoted(_shown(changes.paths[0].path))
    what = f"{count:,} files, first {first}" if count > 1 else f"1 file, {first}"
    return PathVerdict(False, f"Skipped: nothing that this rule watches changed {between}: {what}.")


def _shown(path: str) -> str:
    """A path without what could break out of a line of text."""
    return _CONTROL.sub("\ufffd", path)


def _between(changes: Changes) -> str:
    between = f"between {changes.base[:7]} and {changes.head[:7]}"
    return f"{between} ({changes.since})" if changes.since else between


def _counts(changed: ChangedPath, include: tuple[str, ...], exclude: tuple[str, ...]) -> bool:
    path = _shown(changed.path)  # a line break in a name would end a match too early
    if exclude and read_globs(exclude).match_file(path):
        return False
    if not include or read_globs(include).match_file(path):
        return True
    # The files of a submodule are not listed: a glob that looks into it may mean any of them.
    return changed.submodule and any(glob.lstrip("/").startswith(f"{path}/") for glob in include)


def default_globs(context: str, dockerfile: str) -> tuple[str, ...]:
    """What a build of this context and Dockerfile reads; `()`, every path, where the context is the root."""
    try:
        folder, file = clean_path(context, "context"), clean_path(dockerfile, "dockerfile")
    except BadPathError:
        return ()
    if folder == ".":
        return ()
    # Without a slash at its end the glob means the folder, and also a submodule in its place.
    globs = [f"/{_literal(folder)}"]
    if not file.startswith(f"{folder}/"):
        globs += [f"/{_literal(file)}", f"/{_literal(file)}.dockerignore"]
    return tuple(globs)


def _literal(path: str) -> str:
    return _SPECIAL.sub(r"\\\1", path)
