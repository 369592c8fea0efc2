"""A stored body as text to read: indented where it is JSON, never longer than a page can bear. Escapes nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass

from webhooks.models import Delivery
from webhooks.providers import FormatError
from webhooks.providers.payload import read_object

MOST_PARSED = 1024 * 1024
MOST_SHOWN = 256 * 1024


@dataclass(frozen=True, slots=True)
class ShownBody:
    """`text` to show; `is_cut` where it is not the whole body."""

    text: str
    is_cut: bool


def shown_body(delivery: Delivery) -> ShownBody:
    """The body of a delivery, indented if it is a JSON object of up to 1 MiB; else as it came, cut."""
    raw = delivery.read_body(MOST_PARSED + 1)
    text = _indented(delivery, raw) if len(raw) <= MOST_PARSED else None
    if text is None:
        text = raw[: MOST_SHOWN * 4].decode("utf-8", "replace")
    text = text.replace("\0", "\ufffd")
    return ShownBody(text[:MOST_SHOWN], is_cut=len(text) > MOST_SHOWN or len(raw) < delivery.body_bytes)


def _indented(delivery: Delivery, raw: bytes) -> str | None:
    try:
        document = read_object(raw, delivery.headers.get("content-type", ""))
        text = json.dumps(document, indent=2, ensure_ascii=False)
    except (FormatError, RecursionError, ValueError):
        return None
    return text.encode("utf-8", "replace").decode()
