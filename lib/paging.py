"""Lists by cursor: the next page starts behind the last key of this one, so new rows shift nothing."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core import signing
from django.db.models import Q, QuerySet

from lib.refusal import Refused

MOST = 200
USUAL = 50


def page(rows: QuerySet[Any], *, key: str, cursor: str, limit: int, show: Callable[[Any], Any]) -> dict[str, Any]:
    """`{"items": [...], "next": cursor or null}`.

    `key` is the field to page by, `-pk` for newest first; it must be unique within `rows`. Raises Refused for a cursor
    that did not come from here.
    """
    field, descends = key.removeprefix("-"), key.startswith("-")
    if cursor:
        try:
            rows = rows.filter(**{f"{field}__{'lt' if descends else 'gt'}": _decode(cursor)})
        except ValueError as error:
            raise Refused("This cursor did not come from this list. Start without one.") from error
    limit = max(1, min(limit, MOST))
    found = list(rows.order_by(key)[: limit + 1])
    more = len(found) > limit
    found = found[:limit]
    return {"items": [show(row) for row in found], "next": _encode(_value(found[-1], field)) if more else None}


def page_by(
    rows: QuerySet[Any], *, keys: Sequence[str], cursor: str, limit: int, show: Callable[[Any], Any]
) -> dict[str, Any]:
    """As `page`, by several fields or annotations, none of them ever null; together they must be unique.

    The cursor is signed for this order, as its values go into a query. Raises Refused for one that is not of it.
    """
    salt = f"cursor {' '.join(keys)}"
    if cursor:
        try:
            behind = [_read(value) for value in signing.loads(cursor, salt=salt)]
        except signing.BadSignature as error:
            raise Refused("This cursor did not come from this list in this order. Start without one.") from error
        rows = rows.filter(_behind(keys, behind))
    limit = max(1, min(limit, MOST))
    found = list(rows.order_by(*keys)[: limit + 1])
    more, found = len(found) > limit, found[:limit]
    last = [_written(getattr(found[-1], key.removeprefix("-"))) for key in keys] if more else None
    return {"items": [show(row) for row in found], "next": signing.dumps(last, salt=salt) if last else None}


def _behind(keys: Sequence[str], values: Sequence[Any]) -> Q:
    """What comes after `values` in the order of `keys`: (a > 1) or (a = 1 and b > 2) …"""
    found, same = Q(), Q()
    for key, value in zip(keys, values, strict=True):
        field = key.removeprefix("-")
        found |= same & Q(**{f"{field}__{'lt' if key.startswith('-') else 'gt'}": value})
        same &= Q(**{field: value})
    return found


def _written(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, datetime):
        return {"at": value.isoformat()}
    if isinstance(value, bytes | memoryview):
        return {"hex": bytes(value).hex()}
    return str(value) if isinstance(value, UUID) else value


def _read(value: Any) -> Any:
    if isinstance(value, dict):
        return datetime.fromisoformat(value["at"]) if "at" in value else bytes.fromhex(value["hex"])
    return value


def _value(row: Any, field: str) -> str:
    for part in field.split("__"):
        row = getattr(row, part)
    return str(row)


def _encode(value: str) -> str:
    return base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")


def _decode(cursor: str) -> str:
    text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    if "\0" in text:
        raise ValueError(cursor)
    return text
