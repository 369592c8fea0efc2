"""Patterns of build rules: an exact name, or a regex between slashes that RE2 searches. Knows nothing of tags."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

from builds.core.refnames import name_problem, quoted
from lib.patterns import Regex, compile_regex, valid_unicode

MAX_PATTERN = 500
"""Characters of a pattern as written, slashes included."""

MENDED = "The rule matches nothing until it is mended."


@dataclass(frozen=True, slots=True)
class Captures:
    """What a match took: `groups[0]` is group 1; a group that took no part in the match is None."""

    groups: tuple[str | None, ...] = ()
    named: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that was read: `problem` is a sentence, and such a pattern matches nothing."""

    text: str
    is_regex: bool = False
    problem: str = ""
    group_count: int = 0
    group_names: tuple[str, ...] = ()
    _regex: Regex | None = None

    def match(self, name: str) -> Captures | None:
        """What the pattern captures from a ref's whole name; None where it does not match."""
        if self.problem:
            return None
        if self._regex is None:
            return Captures() if name == self.text else None
        found = self._regex.search(valid_unicode(name))
        if found is None:
            return None
        return Captures(tuple(found.groups()), {key: found.group(key) for key in self.group_names})


@functools.lru_cache(maxsize=256)
def read_pattern(text: str) -> Pattern:
    """Read the pattern of a rule as it was typed; never raises.

    `/…/` is a regular expression in RE2's dialect (https://github.com/google/re2/wiki/Syntax), searched anywhere in
    the name as Docker Hub did; anything else is one exact name, in which case counts. An empty pattern matches nothing.
    """
    is_regex = len(text) > 1 and text.startswith("/") and text.endswith("/")
    problem = _problem_as_written(text, is_regex=is_regex)
    if problem or not is_regex:
        return Pattern(text, is_regex, problem)
    regex = compile_regex(text)
    if isinstance(regex, str):
        return Pattern(text, is_regex, f"{regex} {MENDED}")
    return Pattern(text, is_regex, "", regex.groups, tuple(regex.groupindex), regex)


def _problem_as_written(text: str, *, is_regex: bool) -> str:
    if not text.strip():
        return f"The pattern is empty: name a branch or tag, or write a regex between slashes. {MENDED}"
    if len(text) > MAX_PATTERN:
        return f"The pattern has {len(text)} characters; {MAX_PATTERN} is the most. {MENDED}"
    if text != valid_unicode(text) or "\x00" in text:
        return f"The pattern holds a character that no ref can have. {MENDED}"
    if is_regex:
        return "" if text[1:-1] else f"The regex between the slashes is empty and would match everything. {MENDED}"
    return _exact_problem(text)


def _exact_problem(text: str) -> str:
    if text.startswith(("refs/heads/", "refs/tags/")):
        return f"Write the bare name, {quoted(text.split('/', 2)[2])}, without `refs/…/`. {MENDED}"
    why = name_problem(text)
    if why is None:
        return ""
    hint = ""
    if text.strip("/") and (set(text) & set("^*?[\\") or text.startswith("/") or text.endswith("/")):
        hint = f" If it is a regex, write it between slashes, such as {quoted(_as_regex(text))}."
    return f"{quoted(text)} cannot be the name of a branch or tag: {why}.{hint} {MENDED}"


def _as_regex(text: str) -> str:
    """A guess at what was meant: `release-*` is a glob, `^v(.*)$` a regex without its slashes."""
    bare = text.strip("/")
    is_glob = "*" in bare and not set(bare) & set("^$()[]\\+|.")
    return f"/^{bare.replace('*', '.*')}$/" if is_glob else f"/{bare}/"
