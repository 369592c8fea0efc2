"""Regular expressions that strangers write: RE2, bounded, and told in words where they do not compile. No I/O."""

from __future__ import annotations

from typing import TypeAlias

import re2

from lib.humanize import quoted

Regex: TypeAlias = re2._Regexp  # noqa: SLF001 — what its stubs call it

_MAX_MEMORY = 1 << 20
"""Bytes that RE2 may use for one compiled pattern; it takes 8 MiB unless told."""


def compile_regex(text: str) -> Regex | str:
    """The regex between the slashes of `/…/` (https://github.com/google/re2/wiki/Syntax), or a sentence why not."""
    options = re2.Options()
    options.max_mem = _MAX_MEMORY
    options.log_errors = False
    try:
        regex: Regex = re2.compile(text[1:-1], options)
    except re2.error as error:
        raw = error.args[0]
        return _compile_sentence(text, raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw))
    return regex


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
        return "The pattern does not compile: it needs more memory than a rule may use."
    what = _WORDS.get(code, code).format(arg=quoted(argument))
    return f"The pattern does not compile: {what} at character {_position(text, code, argument)}."


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


def valid_unicode(text: str) -> str:
    """`text` with lone surrogates (JSON can carry them, UTF-8 cannot) replaced, so that RE2 takes it."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
