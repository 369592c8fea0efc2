"""Which line of a log looks like an error, by words that compilers, shells and package managers use. A guess."""

from __future__ import annotations

from collections.abc import Iterator

import re2

_WORDS = (
    r"errors?|fatal|panic|panicked|exception|traceback|failed|failure|fails|segmentation fault|core dumped|killed"
    r"|undefined reference|command not found|no such file or directory|permission denied|out of memory|cannot find"
)
_WRONG = rf"(?m)(?:^|[^\w/.-])(?:[A-Za-z]+(?:Error|Exception)|ERR!|(?i:{_WORDS}))(?:$|[^\w/.-]|\.\s|\.$)"
# "0 errors", "no failures", "errors: 0", and names in which the word is a part: "error-prone", "ignore errors".
_HARMLESS = (
    r"(?i)\b(?:0|no|without|zero|ignor\w+|non-fatal) (?:\w+ )?(?:errors?|fail\w*|exceptions?)"
    r"|\b(?:errors?|fail\w*)\W{1,3}0\b"
)


def _compile(pattern: str) -> re2._Regexp:
    options = re2.Options()
    options.never_nl, options.log_errors = True, False
    return re2.compile(pattern.encode(), options)


_wrong, _harmless = _compile(_WRONG), _compile(_HARMLESS)


def error_lines(shown: bytes) -> Iterator[int]:
    """Numbers of the lines within `shown` (as `shown_block` gives it) that look like an error."""
    number = position = 0
    while (found := _wrong.search(shown, position)) is not None:
        begin = shown.rfind(b"\n", 0, max(found.start(), position)) + 1
        end = shown.find(b"\n", begin)
        end = len(shown) if end < 0 else end
        number += shown.count(b"\n", position, begin)
        if _harmless.search(shown[begin:end]) is None:
            yield number
        if end == len(shown):
            return
        number, position = number + 1, end + 1
