"""What a row of advice is: whose fault it is about, the words that give it away, and what to try."""

from __future__ import annotations

import re
from dataclasses import dataclass

from builds.core.errors import ErrorKind

USER, SOURCE, REGISTRY = ErrorKind.USER, ErrorKind.SOURCE, ErrorKind.REGISTRY
BUILDER, LIMIT, PLATFORM = ErrorKind.BUILDER, ErrorKind.LIMIT, ErrorKind.PLATFORM
ADMIN = "The administrator's move"
NOBODY = "Nobody's move"


@dataclass(frozen=True, slots=True)
class Clue:
    """`what` may use the groups of the pattern as `{name}`; they are set as code. `whose` "" is the kind's own."""

    kinds: tuple[ErrorKind, ...]
    pattern: re.Pattern[str]
    what: str
    whose: str = ""


def clue(kinds: tuple[ErrorKind, ...], pattern: str, what: str, whose: str = "") -> Clue:
    return Clue(kinds, re.compile(pattern, re.IGNORECASE | re.DOTALL), what, whose)
