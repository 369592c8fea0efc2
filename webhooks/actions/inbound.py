"""A request as it came in and the answer to it, both without HTTP; and what of a request may be kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from builds.models import Source
from webhooks.models import Delivery

Kind = Literal["accepted", "duplicate", "unknown", "unsigned", "foreign", "noted", "malformed", "too_large", "fault"]

_SECRET_HEADER = re.compile(r"signature|token|auth|cookie|secret|password|credential|api-?key", re.IGNORECASE)
_MOST_HEADERS = 50
_MOST_VALUE = 1000
_HIDDEN = b"[the webhook secret]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """One request to a webhook address. Header names are in lower case; `body` is raw, and cut if it is too large."""

    forge: str
    source_id: str
    headers: Mapping[str, str]
    body: bytes
    is_too_large: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender is told. `delivery` is the row in the ledger, None where the source is not known."""

    kind: Kind
    detail: str
    delivery: Delivery | None = None


def kept_headers(headers: Mapping[str, str], secret: str) -> dict[str, str]:
    """The headers as the ledger shows them: no signature, cookie or token, and nothing that holds the secret."""
    kept = {}
    for name, value in list(headers.items())[:_MOST_HEADERS]:
        if not _SECRET_HEADER.search(name) and not (secret and secret in value):
            kept[name[:100]] = value[:_MOST_VALUE].replace("\0", "")
    return kept


def kept_body(body: bytes, source: Source) -> bytes:
    """The body without the webhook's secret, which old forges put into it (field case W08)."""
    secret = source.webhook_secret.encode()
    return body.replace(secret, _HIDDEN) if secret and secret in body else body
