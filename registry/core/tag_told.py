"""Sentences in the history of a tag that somebody moved past Imageyard. Pure text."""

from __future__ import annotations

from dataclasses import dataclass

from lib.humanize import quoted, short_digest
from lib.patterns import compile_regex

NOBODY = "somebody who did not log in"
FOUND = "Found by comparing with the registry: "
"""How every sentence of the comparison begins."""


@dataclass(frozen=True, slots=True)
class At:
    """Where a tag was: its image, and who held it there."""

    digest: str
    build_number: int | None = None
    held_by: str = ""
    is_held: bool = False

    @property
    def words(self) -> str:
        return f"build #{self.build_number}" if self.build_number else f"`{short_digest(self.digest)}`"


def pushed_words(by: str, before: At | None, fixed: str) -> str:
    """Say who pushed over what. `fixed` is the pattern of the repository that covers the tag, "" for none."""
    said = [f"Pushed by {by or NOBODY} past Imageyard."]
    if before is not None and before.is_held:
        by_whom = f" by {before.held_by}" if before.held_by else ""
        said.append(f"It was held at {before.words}{by_whom}; it is held where it is now.")
    if before is not None and fixed:
        said.append(f"{_fixed_words(fixed)}, which only Imageyard keeps to.")
    return " ".join(said)


def deleted_words(by: str, before: At | None) -> str:
    """Say who took it away, and where it was."""
    return f"Deleted by {by or NOBODY} past Imageyard{_pointed(before)}."


def found_words(before: At | None, found: str) -> str:
    """What the comparison with the registry found; `found` is the digest, "" where the tag is gone."""
    if not found:
        return f"{FOUND}the tag is gone{_pointed(before)}."
    if before is None:
        return f"{FOUND}somebody pushed it, and no notification came."
    held = " It was held there." if before.is_held else ""
    return f"{FOUND}it pointed to {before.words} as far as was known here.{held}"


def _pointed(before: At | None) -> str:
    if before is None or not before.digest:
        return ""
    held = ", where it was held" if before.is_held else ""
    return f"; it pointed to {before.words}{held}"


def _fixed_words(pattern: str) -> str:
    if pattern.startswith("/"):
        return f"Tags that match {quoted(pattern)} never move in this repository"
    return "It never moves in this repository"


def fixed_pattern(text: str, tag: str) -> str:
    """The first of a repository's fixed tags, one name or `/pattern/` a line, that covers `tag`; "" for none."""
    for line in (line.strip() for line in text.splitlines()):
        if line == tag:
            return line
        if len(line) > 2 and line.startswith("/") and line.endswith("/"):  # noqa: PLR2004 — two slashes
            regex = compile_regex(line)
            if not isinstance(regex, str) and regex.search(tag) is not None:
                return line
    return ""
