"""Lists by cursor: the next page starts behind the last key of this one, so new rows shift nothing."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet

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
