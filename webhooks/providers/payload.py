"""From the bytes of a request to a JSON object and to values, whatever a stranger sends; knows no forge's fields."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from lib.storable import storable
from webhooks.providers.base import FormatError

_BOM = b"\xef\xbb\xbf"
_FORM = "application/x-www-form-urlencoded"
_MAX_FIELDS = 20
_COMMIT = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})")
_ABBREVIATED = re.compile(r"[0-9a-f]{12,40}|[0-9a-f]{64}")


def read_object(body: bytes, content_type: str) -> dict[str, Any]:
    """The JSON object in `body`, or in the field `payload` of a form. Raises FormatError."""
    if content_type.partition(";")[0].strip().lower() == _FORM:
        body = _form_payload(body)
    body = body.removeprefix(_BOM)
    if not body.strip():
        raise FormatError("The body is empty; a webhook carries a JSON object.")
    document = _parse(body)
    if not isinstance(document, dict):
        raise FormatError(f"The body is JSON, but {_KINDS.get(type(document), 'a number')} and not an object.")
    return document


_KINDS: dict[type, str] = {list: "a list", str: "a text", type(None): "null", bool: "true or false"}


def _form_payload(body: bytes) -> bytes:
    try:
        # Latin-1 maps every byte to itself, so the value comes out as the bytes that were percent-encoded.
        form = body.decode("latin-1")
        fields = parse_qsl(form, keep_blank_values=True, encoding="latin-1", max_num_fields=_MAX_FIELDS)
    except ValueError as error:
        raise FormatError("The body is a form with too many fields; a webhook has one, `payload`.") from error
    for name, value in fields:
        if name == "payload":
            return value.encode("latin-1")
    raise FormatError("The body is a form without a field `payload`.")


def _parse(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # Stricter than what forges send: half a surrogate pair, of a message that was cut, is an error there.
        return _parse_leniently(body)


def _parse_leniently(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise FormatError(f"The body is not UTF-8: byte {error.start + 1} is wrong.") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise FormatError(f"The body is not JSON: {error.msg} at {where}.") from error
    except RecursionError as error:
        raise FormatError("The JSON is nested too deeply.") from error
    except ValueError as error:  # a number of more digits than Python reads
        raise FormatError("The JSON holds a number that is too long.") from error


def text(value: Any, most: int = 255) -> str:
    """Text as a database can store it, cut to `most` characters; "" for anything else."""
    return storable(value[:most]) if isinstance(value, str) else ""


def identifier(value: Any) -> str:
    """A forge's id, which some send as a number and some as text."""
    if type(value) is int:
        return str(value) if abs(value) < 1 << 63 else ""
    return text(value, 64)


def commit(value: Any) -> str:
    """A full commit hash, SHA-1 or SHA-256; "" for anything else, and for the hash of zeros that means "none"."""
    return value if isinstance(value, str) and _COMMIT.fullmatch(value) and value.strip("0") else ""


def is_no_commit(value: Any) -> bool:
    """Whether this is the hash of zeros (40, or 64 for SHA-256) by which forges say "there is no commit"."""
    return isinstance(value, str) and _COMMIT.fullmatch(value) is not None and not value.strip("0")


def number(value: Any) -> int:
    """A whole number from 0 that a database can store, also where it is written as text; else 0."""
    digits = identifier(value)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else 0  # noqa: PLR2004


def web_address(value: Any) -> str:
    """An http(s) address that a page may link to; "" for anything else."""
    url = text(value, 1000)
    return url if url.startswith(("https://", "http://")) else ""


def host(value: Any) -> str:
    """The host of an address, without its port; "" where there is none."""
    try:
        return (urlsplit(text(value, 1000)).hostname or "")[:255]
    except ValueError:
        return ""


def addresses(*values: Any) -> tuple[str, ...]:
    """Those of the values that are texts, each once."""
    return tuple(dict.fromkeys(found for found in (text(value, 1000) for value in values) if found))


def abbreviated(value: Any) -> str:
    """A commit hash of at least twelve digits, as Bitbucket Cloud tells it of pull requests; "" for anything else."""
    return value if isinstance(value, str) and _ABBREVIATED.fullmatch(value) and value.strip("0") else ""
