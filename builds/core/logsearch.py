"""What a search of a log asks for, and where it stands in lines as they are shown. Nothing is read here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import re2

MOST_CHARACTERS = 500
"""Of a query."""
MOST_SPANS = 20
"""Places that are told of one line."""

_MAX_MEMORY = 1 << 20  # bytes that RE2 may use for one pattern
_MAX_PROGRAM = 2000  # instructions: what a pattern can cost for each byte of the log
# Matching never crosses a line, as RE2 runs with never_nl; what speaks of the text's own ends is tried line by line.
_SPEAKS_OF_ENDS = re.compile(r"\\[Az]|\(\?[A-Za-z]*-")

Span = tuple[int, int]
"""From and up to a character of a line as it is shown, counted from 0."""

# RE2's own words (re2/re2.cc, RE2::CodeToString) → the words a person reads.
_WORDS = {
    "missing )": "a closing parenthesis is missing",
    "unexpected )": "a closing parenthesis has no partner",
    "missing ]": "a closing bracket is missing",
    "trailing \\": "nothing follows the last backslash",
    "no argument for repetition operator": "there is nothing to repeat before",
    "bad repetition operator": "a repetition is repeated in",
    "invalid repetition size": "more than 1000 repetitions, or a wrong range, in",
    "invalid perl operator": "RE2 does not know (it has no look-around)",
    "invalid escape sequence": "RE2 does not know (it has no back references)",
}


class QueryRefused(Exception):  # noqa: N818 — a sentence for whoever typed it
    """What was typed cannot be searched for; the message says why."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for."""

    text: str
    is_regex: bool
    minds_case: bool
    _regex: re2._Regexp
    _by_line: bool

    def matches(self, shown: bytes) -> Iterator[tuple[int, tuple[Span, ...]]]:
        """(line within `shown`, places in it) of every line that matches; `shown` is what `shown_block` gives."""
        if self._by_line:
            for number, line in enumerate(shown.split(b"\n")):
                if self._regex.search(line) is not None:
                    yield number, self._spans(line)
            return
        number = position = 0
        while (found := self._regex.search(shown, position)) is not None:
            begin = shown.rfind(b"\n", 0, found.start()) + 1
            number += shown.count(b"\n", position, begin)
            end = shown.find(b"\n", found.start())
            yield number, self._spans(shown[begin : len(shown) if end < 0 else end])
            if end < 0:
                return
            number, position = number + 1, end + 1

    def _spans(self, line: bytes) -> tuple[Span, ...]:
        spans: list[Span] = []
        for found in self._regex.finditer(line):
            begin, end = found.span()
            if begin < end:
                spans.append((_characters(line, begin), _characters(line, end)))
            if len(spans) == MOST_SPANS:
                break
        return tuple(spans)


def _characters(line: bytes, end: int) -> int:
    return end if line.isascii() else len(line[:end].decode("utf-8", "replace"))


def read_query(text: str, *, regex: bool = False, case: bool = False) -> Query:
    """Plain text, or with `regex` RE2's dialect (https://github.com/google/re2/wiki/Syntax); `case` minds case.

    Raises `QueryRefused`.
    """
    if not text:
        raise QueryRefused("Type what to search for.")
    if len(text) > MOST_CHARACTERS:
        raise QueryRefused(f"The search has {len(text)} characters; {MOST_CHARACTERS} is the most.")
    if "\n" in text or "\r" in text:
        raise QueryRefused("A search is for text within one line.")
    options = re2.Options()
    options.never_nl, options.log_errors, options.max_mem = True, False, _MAX_MEMORY
    flags = b"(?m)" if case else b"(?mi)"
    raw = text.encode("utf-8", "replace")
    try:
        compiled = re2.compile(flags + (raw if regex else re2.escape(raw)), options)
    except re2.error as error:
        raise QueryRefused(_sentence(error.args)) from error
    if compiled.programsize > _MAX_PROGRAM:
        raise QueryRefused("The regex is too large: fewer or smaller repetitions will do.")
    return Query(text, regex, case, compiled, regex and bool(_SPEAKS_OF_ENDS.search(text)))


def _sentence(arguments: Sequence[object]) -> str:
    raw = arguments[0] if arguments else ""
    message = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
    code, _, argument = message.partition(": ")
    if code.startswith("pattern too large"):
        return "The regex is too large: fewer or smaller repetitions will do."
    what = _WORDS.get(code, code)
    quoted = f" `{argument}`" if argument and not code.startswith(("missing", "unexpected", "trailing")) else ""
    return f"The regex does not compile: {what}{quoted}."
