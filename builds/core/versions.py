"""Version numbers in Git tags, and which is higher. Only for deciding whether a tag may move."""

from __future__ import annotations

import re

# semver.org 2.0.0, loosened by what people tag: a leading `v`, one to four numbers, leading zeros (2024.01.15).
# Digits are bounded, because Python refuses to read integers of thousands of digits.
_VERSION = re.compile(r"[vV]?(\d{1,18}(?:\.\d{1,18}){0,3})(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?", re.ASCII)
_DIGITS = re.compile(r"\d{1,18}", re.ASCII)
_NUMBERS = 4

Version = tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]
"""Compares by precedence (semver.org 2.0.0, item 11): numbers, then release over pre-release, then its parts."""


def parse_version(tag: str) -> Version | None:
    """The version that a Git tag names, None if it names none. `1.2` equals `v1.2.0`; build metadata does not count."""
    found = _VERSION.fullmatch(tag)
    if found is None:
        return None
    numbers = [int(number) for number in found[1].split(".")]
    numbers += [0] * (_NUMBERS - len(numbers))
    return tuple(numbers), found[2] is None, tuple(_part(part) for part in (found[2] or "").split(".") if part)


def _part(part: str) -> tuple[bool, int, str]:
    """Numbers compare as numbers and come before words."""
    return (False, int(part), "") if _DIGITS.fullmatch(part) else (True, 0, part)
