"""Version numbers in tags, of Git and of images: their parts, and which is higher. What makes tags is not here."""

from __future__ import annotations

import re
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class VersionText:
    """The parts of a version as they are written: `text` without its `v`; what is not written is None."""

    text: str
    major: str
    minor: str | None
    patch: str | None
    prerelease: str | None


def read_version(text: str) -> VersionText | None:
    """The parts of the version that `text` is as a whole, None if it is none. Takes what `parse_version` takes."""
    found = _VERSION.fullmatch(text)
    if found is None:
        return None
    numbers: list[str | None] = [*found[1].split("."), None, None]
    return VersionText(text.lstrip("vV"), str(numbers[0]), numbers[1], numbers[2], found[2])


def _part(part: str) -> tuple[bool, int, str]:
    """Numbers compare as numbers and come before words."""
    return (False, int(part), "") if _DIGITS.fullmatch(part) else (True, 0, part)
