"""Text from outside made such that every database takes it. What it means and how long it may be is not here."""

from __future__ import annotations

import re

_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """`text` with U+FFFD for NUL, which PostgreSQL refuses, and for half surrogate pairs, which no UTF-8 holds.

    The latter come from JSON that was cut and from file names that are not UTF-8 (`os.fsdecode`).
    """
    if text.isascii() and "\0" not in text:
        return text  # as almost all is, and a log has a name in each of its thousands of pieces
    return _UNSTORABLE.sub("\ufffd", text)
