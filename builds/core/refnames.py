"""Names of Git refs: what a forge's `refs/heads/x` means and which names Git itself allows. Runs no Git."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from lib.humanize import quoted as quoted  # noqa: PLC0414 — where rules look for it

RefType = Literal["branch", "tag", "pull_request"]

ONE: dict[RefType, str] = {"branch": "branch", "tag": "tag", "pull_request": "pull request"}
MANY: dict[RefType, str] = {"branch": "branches", "tag": "tags", "pull_request": "pull requests"}

MAX_NAME = 255
"""Characters of a ref name that are stored; forges allow no more either."""

_PREFIXES: dict[str, RefType] = {"refs/heads/": "branch", "refs/tags/": "tag"}


@dataclass(frozen=True, slots=True)
class Ref:
    """A branch or tag by its bare name (`main`, not `refs/heads/main`); of a pull request the *target* branch."""

    type: RefType
    name: str


# What git-check-ref-format(1) forbids, in the order a person would look for it.
_FORBIDDEN: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[\x00-\x1f\x7f]"), "it holds a control character"),
    (re.compile(r"[\ud800-\udfff]"), "it holds a character that is not valid Unicode"),
    (re.compile(r" "), "it holds a space"),
    (re.compile(r"[~^:?*\[\\]"), "none of `~ ^ : ? * [ \\` may stand in it"),
    (re.compile(r"\.\."), "it holds `..`"),
    (re.compile(r"@\{"), "it holds `@{`"),
    (re.compile(r"^/|/$|//"), "a `/` stands at its beginning or end, or twice in a row"),
    (re.compile(r"(^|/)\."), "a part of it begins with a dot"),
    (re.compile(r"\.lock(/|$)"), "a part of it ends with `.lock`"),
    (re.compile(r"\.$"), "it ends with a dot"),
)


def name_problem(name: str) -> str | None:
    """Why Git does not allow `name` below `refs/heads/` or `refs/tags/`, as half a sentence; None if it does.

    Names that look like options or commands (`-x`, `--help`, `$(id)`) are legal: they are data, and whoever passes
    them on keeps them behind `--`.
    """
    if not name:
        return "it is empty"
    if len(name) > MAX_NAME:
        return f"it is longer than {MAX_NAME} characters"
    return next((what for pattern, what in _FORBIDDEN if pattern.search(name)), None)


_COMMIT = re.compile(r"[0-9a-f]{7,40}|[0-9a-f]{64}")


def commit_problem(commit: str) -> str | None:
    """Why `commit` cannot name a commit, as a sentence; None if it can. A tag or branch is a ref, not a commit."""
    if not _COMMIT.fullmatch(commit):
        return f"{quoted(commit)} is not a commit: write its hash, 7 to 40 characters of 0–9 and a–f, or leave it out."
    if not commit.strip("0"):
        return "A commit of zeros alone means that the ref was deleted: there is nothing to build."
    return None


def bare_name(ref_type: RefType, name: str) -> str:
    """`refs/heads/main` of a branch as `main`, `refs/tags/v1` of a tag as `v1`; any other name as it is."""
    return name.removeprefix(next((prefix for prefix, kind in _PREFIXES.items() if kind == ref_type), ""))


def parse_ref(full: object) -> Ref | None:
    """`refs/heads/main` → branch `main`; None for whatever is no branch or tag (`explain_ref` then says why).

    Takes any value, because it is called with what a stranger put into a payload's `ref`.
    """
    if not isinstance(full, str):
        return None
    for prefix, ref_type in _PREFIXES.items():
        name = full.removeprefix(prefix)
        if name != full:
            return Ref(ref_type, name) if name_problem(name) is None else None
    return None


def explain_ref(full: object) -> str:
    """The sentence for a ref that `parse_ref` gave None for."""
    if not isinstance(full, str) or not full:
        return "The delivery names no ref: a push names one, such as `refs/heads/main`."
    for prefix, ref_type in _PREFIXES.items():
        if full.startswith(prefix):
            why = name_problem(full.removeprefix(prefix)) or "nothing is wrong with it"
            return f"{quoted(full)} is not a name that Git allows for a {ONE[ref_type]}: {why}."
    if full.startswith("refs/"):
        return f"{quoted(full)} is neither a branch nor a tag; rules know only those."
    return f"{quoted(full)} is not a full ref name: a branch is `refs/heads/…`, a tag `refs/tags/…`."
