"""Values out of JSON that somebody else wrote: a wrong type is an empty value, nothing raises. Knows no format."""

from __future__ import annotations

import binascii
from datetime import datetime
from typing import Any

import pybase64

from lib.storable import storable

_MAX_INT = 2**63 - 1


def items(value: Any) -> list[Any]:
    """A list, else the empty list."""
    return value if isinstance(value, list) else []


def table(value: Any) -> dict[str, Any]:
    """An object, else the empty one. JSON's keys are text."""
    return value if isinstance(value, dict) else {}


def dicts(value: Any) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [item for item in items(value) if isinstance(item, dict)]


def text(value: Any) -> str:
    """Text as a database can store it, else the empty text."""
    return storable(value) if isinstance(value, str) else ""


def texts(value: Any) -> tuple[str, ...]:
    """The texts of a list, as they are."""
    return tuple(item for item in items(value) if isinstance(item, str))


def number(value: Any) -> int:
    """A count from 0 that a 64-bit column can hold, else 0."""
    return min(max(value, 0), _MAX_INT) if type(value) is int else 0


def blob(value: Any) -> bytes:
    """Base64, else no bytes."""
    if not isinstance(value, str):
        return b""
    try:
        return pybase64.b64decode(value, validate=True)
    except ValueError:
        pass
    try:
        return binascii.a2b_base64(value)  # passes over what does not belong there
    except ValueError:
        return b""


def blob_text(value: Any) -> str:
    """Base64 of text that should be UTF-8."""
    return storable(blob(value).decode("utf-8", "replace"))


def moment(value: Any) -> datetime | None:
    """RFC 3339 with nanoseconds, cut to microseconds; None for Go's zero time, which client-side steps carry."""
    if not isinstance(value, str) or value.startswith("0001-"):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at if at.tzinfo else None
