"""What a registry's refusal means, as a kind and as the sentence a person reads. Pure: status, headers and bytes in."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Literal

import orjson

from lib.humanize import format_duration

MAX_TEXT = 200
SKEW_WORTH_NAMING_S = 5.0


class RegistryErrorKind(StrEnum):
    """Why a registry did not do what was asked."""

    UNAUTHORIZED = "unauthorized"
    DENIED = "denied"
    NOT_FOUND = "not_found"
    TOO_LARGE = "too_large"
    QUOTA = "quota"
    RATE_LIMIT = "rate_limit"
    UNAVAILABLE = "unavailable"
    NETWORK = "network"
    CLOCK = "clock"
    UNSUPPORTED = "unsupported"
    INVALID = "invalid"


class RegistryError(Exception):
    """A registry refused or failed. `message` is a sentence for people and holds no secret.

    `status` is the HTTP status, 0 where there was no answer. `code` is the registry's own (`DENIED`), if it gave one.
    `retryable` says that the same call may succeed later without anybody changing anything.
    """

    def __init__(
        self, message: str, *, kind: RegistryErrorKind, status: int = 0, retryable: bool = False, code: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.status = status
        self.retryable = retryable
        self.code = code


Action = Literal["push", "pull", "deletion", "tag list", "health check"]


@dataclass(frozen=True)
class Asked:
    """What was asked of whom, for the sentence. `name` is `acme/web` or `acme/web:latest`; empty `user`: nobody."""

    host: str
    action: Action
    name: str = ""
    user: str = ""

    @property
    def what(self) -> str:
        """`push of acme/web`."""
        return f"{self.action} of {self.name}" if self.name else self.action


@dataclass(frozen=True)
class Refusal:
    """An answer that is not what was asked for. `skew_s`: registry's clock minus ours; `waited_s`: spent on retries."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    skew_s: float | None = None


def explain(asked: Asked, refusal: Refusal) -> RegistryError:
    """Turn a refusal into a kind, a sentence and whether trying again can help.

    Codes: OCI distribution-spec 1.1, "Error Codes"; quota texts: Harbor, Quay and GitLab say `DENIED` with a sentence.
    """
    code, text = read_refusal(refusal.body, refusal.headers.get("content-type", ""))
    kind = _kind(refusal, code, text)
    said = f" It says: {text}." if text else ""
    sentence = _SENTENCES[kind].format(
        host=asked.host,
        what=asked.what,
        name=asked.name or "it",
        refused=_REFUSED[bool(asked.user), kind is RegistryErrorKind.UNAUTHORIZED].format(
            user=asked.user, verb=_VERBS[asked.action]
        ),
        status=_status(refusal.status),
        said=said,
    )
    retryable = kind in {RegistryErrorKind.UNAVAILABLE, RegistryErrorKind.RATE_LIMIT}
    return RegistryError(sentence, kind=kind, status=refusal.status, retryable=retryable, code=code)


_SENTENCES = {
    RegistryErrorKind.UNAUTHORIZED: "{host} refused the {what}: {refused}.{said}",
    RegistryErrorKind.DENIED: "{host} refused the {what}: {refused}.{said}",
    RegistryErrorKind.NOT_FOUND: "{host} has no {name}.{said}",
    RegistryErrorKind.TOO_LARGE: "{host} refused the {what}: it takes no upload this large ({status}).{said} "
    "Raise the limit of the proxy in front of it (nginx: client_max_body_size).",
    RegistryErrorKind.QUOTA: "{host} refused the {what}: its storage quota is used up.{said} "
    "Delete old tags there or raise the quota.",
    RegistryErrorKind.RATE_LIMIT: "{host} did not take the {what}: too many requests ({status}).{said} "
    "Try again later.",
    RegistryErrorKind.UNAVAILABLE: "{host} answered {status} to the {what}.{said} "
    "The registry, or a proxy in front of it, is in trouble; try again later.",
    RegistryErrorKind.UNSUPPORTED: "{host} does not support the {what} ({status}).{said}",
    RegistryErrorKind.INVALID: "{host} refused the {what} ({status}).{said}",
}


_VERBS: dict[Action, str] = {
    "push": "write",
    "pull": "read",
    "deletion": "delete",
    "tag list": "read",
    "health check": "read",
}
# (somebody is logged in, the log-in itself failed) → the clause.
_REFUSED = {
    (True, True): "it does not accept the account `{user}`; check the user name and password of this registry",
    (True, False): "the account `{user}` may not {verb} there",
    (False, True): "it wants a log-in, and no user name is set for this registry",
    (False, False): "without a user name nobody may {verb} there",
}
_CODES = {
    "UNAUTHORIZED": RegistryErrorKind.UNAUTHORIZED,
    "DENIED": RegistryErrorKind.DENIED,
    "NAME_UNKNOWN": RegistryErrorKind.NOT_FOUND,
    "MANIFEST_UNKNOWN": RegistryErrorKind.NOT_FOUND,
    "BLOB_UNKNOWN": RegistryErrorKind.NOT_FOUND,
    "TOOMANYREQUESTS": RegistryErrorKind.RATE_LIMIT,
    "UNSUPPORTED": RegistryErrorKind.UNSUPPORTED,
}
_STATUSES = {
    HTTPStatus.UNAUTHORIZED: RegistryErrorKind.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN: RegistryErrorKind.DENIED,
    HTTPStatus.NOT_FOUND: RegistryErrorKind.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED: RegistryErrorKind.UNSUPPORTED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: RegistryErrorKind.TOO_LARGE,
    HTTPStatus.TOO_MANY_REQUESTS: RegistryErrorKind.RATE_LIMIT,
    HTTPStatus.INSUFFICIENT_STORAGE: RegistryErrorKind.QUOTA,
}
_QUOTA = re.compile(r"quota|storage resource|upper limit of|storage limit", re.IGNORECASE)


def _kind(refusal: Refusal, code: str, text: str) -> RegistryErrorKind:
    status = refusal.status
    known = _STATUSES.get(HTTPStatus(status)) if status in _KNOWN_STATUSES else None
    if known in {RegistryErrorKind.TOO_LARGE, RegistryErrorKind.RATE_LIMIT, RegistryErrorKind.QUOTA}:
        return known
    if status < HTTPStatus.INTERNAL_SERVER_ERROR and _QUOTA.search(text):
        return RegistryErrorKind.QUOTA
    if 'error="insufficient_scope"' in refusal.headers.get("www-authenticate", ""):
        # The log-in was good; what it allows is not enough.
        return RegistryErrorKind.DENIED
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return RegistryErrorKind.UNAVAILABLE
    return _CODES.get(code) or known or RegistryErrorKind.INVALID


_KNOWN_STATUSES = frozenset(status.value for status in HTTPStatus)


def _status(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}" if status in _KNOWN_STATUSES else str(status)


def unreachable(asked: Asked, reason: str, *, retryable: bool) -> RegistryError:
    """Make the error for a request that got no answer; `reason` is a clause, "the connection was refused"."""
    sentence = f"{asked.host} cannot be reached for the {asked.what}: {reason}."
    return RegistryError(sentence, kind=RegistryErrorKind.NETWORK, retryable=retryable)


def wrong_clock(asked: Asked, whose: str, skew_s: float, *, status: int) -> RegistryError:
    """Make the error for a log-in that failed because two clocks differ. `skew_s`: that clock minus ours, seconds."""
    way = "ahead of" if skew_s > 0 else "behind"
    sentence = (
        f"{asked.host} did not take the log-in for the {asked.what}: the clock of {whose} is "
        f"{format_duration(round(abs(skew_s)))} {way} this machine's, so its tokens are not valid now. "
        "Set the clock that is wrong (NTP)."
    )
    return RegistryError(sentence, kind=RegistryErrorKind.CLOCK, status=status)


def read_refusal(body: bytes, content_type: str) -> tuple[str, str]:
    """Read `(code, text)` out of an error body: the specification's JSON, or whatever a proxy put in its place.

    The text is one line of at most 200 characters without markup and without a final full stop.
    """
    try:
        document = orjson.loads(body)
    except ValueError:
        return "", plain_text(body.decode("utf-8", "replace"), is_html="html" in content_type)
    errors = document.get("errors") if isinstance(document, dict) else None
    for error in errors if isinstance(errors, list) else []:
        if isinstance(error, dict):
            return str(error.get("code", ""))[:40], plain_text(str(error.get("message") or error.get("detail") or ""))
    if isinstance(document, dict):
        # A token server's own shape, or RFC 6749 section 5.2.
        return "", plain_text(str(document.get("details") or document.get("error_description") or ""))
    return "", ""


_UNSEEN = re.compile(r"<(script|style|head)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_MARKUP = re.compile(r"<[^>]*>")


def plain_text(text: str, *, is_html: bool = False) -> str:
    """Strip markup and control characters, fold white space, and cut to 200 characters."""
    text = text[: 50 * MAX_TEXT]
    if is_html or text.lstrip()[:1] == "<":
        title = _TITLE.search(text)
        text = title.group(1) if title else _UNSEEN.sub(" ", text)
    text = html.unescape(_MARKUP.sub(" ", text))
    text = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return f"{text[: MAX_TEXT - 1]}…" if len(text) > MAX_TEXT else text.rstrip(".")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read `Retry-After` in seconds: a number, or a date, counted from the answer's own `Date` (RFC 9110 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    then, now = _date(value), _date(headers.get("date", ""))
    return max(then - now, 0.0) if then is not None and now is not None else None


def clock_skew(headers: Mapping[str, str], now: float) -> float | None:
    """Give the answerer's clock minus ours in seconds (`now` is Unix time); None where it sends no `Date`."""
    then = _date(headers.get("date", ""))
    return None if then is None else then - now


def _date(value: str) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
