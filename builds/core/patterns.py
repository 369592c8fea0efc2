"""Patterns of build rules: an exact name, or a regex between slashes that RE2 searches. Knows nothing of tags."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

import re2

from builds.core.refnames import name_problem, quoted

MAX_PATTERN = 500
"""Characters of a pattern as written, slashes included."""

_MAX_MEMORY = 1 << 20
"""Bytes that RE2 may use for one compiled pattern; it takes 8 MiB unless told."""

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
    _regex: re2._Regexp | None = None

    def match(self, name: str) -> Captures | None:
        """What the pattern captures from a ref's whole name; None where it does not match."""
        if self.problem:
            return None
        if self._regex is None:
            return Captures() if name == self.text else None
        found = self._regex.search(_valid_unicode(name))
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
    options = re2.Options()
    options.max_mem = _MAX_MEMORY
    options.log_errors = False
    try:
        regex = re2.compile(text[1:-1], options)
    except re2.error as error:
        raw = error.args[0]
        message = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
        return Pattern(text, is_regex, _compile_sentence(text, message))
    return Pattern(text, is_regex, "", regex.groups, tuple(regex.groupindex), regex)


def _problem_as_written(text: str, *, is_regex: bool) -> str:
    if not text.strip():
        return f"The pattern is empty: name a branch or tag, or write a regex between slashes. {MENDED}"
    if len(text) > MAX_PATTERN:
        return f"The pattern has {len(text)} characters; {MAX_PATTERN} is the most. {MENDED}"
    if text != _valid_unicode(text) or "\x00" in text:
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


# RE2's own words (re2/re2.cc, RE2::CodeToString) → the words a person reads.
_WORDS = {
    "missing )": "missing closing parenthesis",
    "unexpected )": "closing parenthesis without its partner",
    "missing ]": "missing closing bracket",
    "trailing \\": "nothing after the backslash",
    "no argument for repetition operator": "nothing to repeat before {arg}",
    "bad repetition operator": "repeated repetition {arg}",
    "invalid repetition size": "more than 1000 repetitions, or a wrong range, in {arg}",
    "invalid perl operator": "unknown operator {arg} (there is no look-around)",
    "invalid escape sequence": "unknown escape {arg} (there are no back references)",
    "invalid character class range": "unknown range or class {arg}",
    "invalid named capture group": "bad group name {arg}",
}


def _compile_sentence(text: str, message: str) -> str:
    code, _, argument = message.partition(": ")
    if code.startswith("pattern too large"):
        return f"The pattern does not compile: it needs more memory than a rule may use. {MENDED}"
    what = _WORDS.get(code, code).format(arg=quoted(argument))
    return f"The pattern does not compile: {what} at character {_position(text, code, argument)}. {MENDED}"


def _position(text: str, code: str, argument: str) -> int:
    """Where to look, counted from 1 in the pattern as typed, its first slash included."""
    if code in ("missing )", "unexpected )"):
        return _unbalanced(text)
    if code == "missing ]":
        return len(text) - len(argument)  # RE2 quotes from the bracket to the end
    if code == "trailing \\":
        return len(text) - 1
    return max(text.find(argument, 1), 0) + 1


def _unbalanced(text: str) -> int:
    """The parenthesis that has no partner, counted from 1; escapes and character classes are stepped over."""
    opened: list[int] = []
    in_class = False
    at = 1
    while at < len(text) - 1:
        char = text[at]
        if char == "\\":
            at += 1
        elif in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
            at += text.startswith("^", at + 1) + text.startswith(("]", "^]"), at + 1)  # a first `]` is literal
        elif char == "(":
            opened.append(at)
        elif char == ")":
            if not opened:
                return at + 1
            opened.pop()
        at += 1
    return (opened[-1] if opened else len(text) - 1) + 1


def _valid_unicode(text: str) -> str:
    """`text` with lone surrogates (JSON can carry them, UTF-8 cannot) replaced, so that RE2 takes it."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
