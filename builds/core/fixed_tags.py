"""Tags that never move: the patterns of a repository, what is wrong with them, and which of them covers a tag."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from builds.core.patterns import MENDED, Pattern, read_pattern
from builds.core.refnames import quoted
from builds.core.tags import is_reserved, why_illegal
from registry.core.reference import is_valid_tag

MOST = 30
"""Patterns of one repository."""


@dataclass(frozen=True, slots=True)
class FixedTags:
    """The patterns as they were typed, in their order. One that cannot be read covers nothing."""

    patterns: tuple[Pattern, ...] = ()

    def pattern_of(self, tag: str) -> str:
        """The first pattern that covers `tag`, as it was typed; "" where none does. Build tags are not asked about."""
        return next((pattern.text for pattern in self.patterns if pattern.match(tag) is not None), "")

    def covered(self, tags: Iterable[str]) -> list[tuple[str, list[str]]]:
        """For each pattern the tags that it covers, in their order, those of builds left out."""
        floating = [tag for tag in tags if not is_reserved(tag)]
        return [(one.text, [tag for tag in floating if one.match(tag) is not None]) for one in self.patterns]


def read_fixed_tags(text: str) -> FixedTags:
    """Read one name or `/pattern/` a line, as rules read theirs; empty lines and doubles go. Never raises."""
    lines = dict.fromkeys(line.strip() for line in text.splitlines() if line.strip())
    return FixedTags(tuple(read_pattern(line) for line in lines))


def fixed_problems(fixed: FixedTags) -> list[str]:
    """Sentences that say what has to be mended before the patterns can be saved."""
    if len(fixed.patterns) > MOST:
        return [f"These are {len(fixed.patterns)} lines; {MOST} is the most. Join some of them in one regex."]
    return [problem for pattern in fixed.patterns if (problem := _problem(pattern))]


def _problem(pattern: Pattern) -> str:
    text = pattern.text
    if not pattern.is_regex and not is_valid_tag(text):
        hint = " A regex stands between slashes." if pattern.problem else ""
        return f"{quoted(text)} cannot be a tag: {why_illegal(text)}.{hint}"
    if pattern.problem:
        return f"{quoted(text)}: {pattern.problem.removesuffix(MENDED).strip()}"
    if is_reserved(text):
        return f"{quoted(text)} never moves anyway: it is the tag of a build."
    return ""


def never_moves(pattern: str) -> str:
    """The half of a sentence that says why: "tags that match `/^v/` never move in this repository"."""
    if pattern.startswith("/"):
        return f"tags that match {quoted(pattern)} never move in this repository"
    return "it never moves in this repository"
