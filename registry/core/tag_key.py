"""The key by which a database sorts tags as versions: `1.10` behind `1.9`, `1.10-rc.2` before `1.10`. No queries.

Keys are bytes, because bytes are the one thing that every database compares alike, whatever its collation. The first
byte is the kind of the tag: words have an empty key, build tags begin with BUILD, versions with VERSION.
"""

from __future__ import annotations

import re

from lib.versions import parse_version

BUILD, VERSION = b"\x01", b"\x02"
LONGEST = 512
"""Bytes. A tag of 128 characters, which is the most, makes at most 400."""

_BUILD_TAG = re.compile(r"build-(\d{1,18})", re.ASCII)
# Within a version. Whatever ends comes before whatever goes on; a release comes behind its pre-releases.
_END, _NUMBER, _WORD, _RELEASE = b"\x00", b"\x01", b"\x02", b"\x03"


def tag_key(name: str) -> bytes:
    """What sorts among tags as `name` does among versions (semver.org 2.0.0, item 11; `v1.2` equals `1.2.0`).

    `1.2-alpine` counts as a pre-release of `1.2`: nothing in a name tells a variant from a pre-release.
    """
    if build := _BUILD_TAG.fullmatch(name):
        return BUILD + _number(int(build[1]))
    version = parse_version(name)
    if version is None:
        return b""
    numbers, is_release, parts = version
    key = VERSION + b"".join(_number(number) for number in numbers)
    if is_release:
        return (key + _RELEASE)[:LONGEST]
    for is_word, number, word in parts:
        key += _WORD + word.encode() + _END if is_word else _NUMBER + _number(number)
    return (key + _END)[:LONGEST]


def _number(number: int) -> bytes:
    """How many digits, then these: sorts as the number does."""
    digits = str(number).encode()
    return bytes([len(digits)]) + digits
