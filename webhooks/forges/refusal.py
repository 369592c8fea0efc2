"""An answer of a forge that is no success, as a `ForgeError` with a sentence: whose move it is, and when."""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from lib.http import Answer
from lib.humanize import format_duration
from lib.storable import storable
from webhooks.forges.base import ForgeError, Kind

MOST_WAIT_S = 86_400.0
_LEAST_WAIT_S = 1.0
_MOST_TOLD = 200
_SHORT = 8  # a shorter word is no token
_DIGITS = 11  # of seconds since 1970, for the next three thousand years


def refusal(name: str, wants: str, what: str, answer: Answer, secrets: Collection[str]) -> ForgeError:
    """`name` of the forge, `wants`: what a token needs, `what` was asked (`POST /repos/acme/web/hooks`)."""
    status, told, wait_s = answer.status, _told(answer, secrets), asked_wait(answer)
    # GitHub's second rate limit may come as a 403 with nothing but these words.
    is_limited = status == HTTPStatus.FORBIDDEN and (wait_s is not None or "rate limit" in told.lower())
    if status == HTTPStatus.TOO_MANY_REQUESTS or is_limited:
        span = "a while" if wait_s is None else format_duration(wait_s)
        sentence = f"{name} asks to be left alone for {span} ({status}): its rate limit is used up."
        return ForgeError("limited", sentence, status=status, wait_s=wait_s)
    kind, sentence = _explained(name, wants, what, status, told)
    return ForgeError(kind, sentence, status=status, wait_s=wait_s)


def _explained(name: str, wants: str, what: str, status: int, told: str) -> tuple[Kind, str]:
    if status == HTTPStatus.UNAUTHORIZED:
        return "token", (
            f"{name} does not take the token (401): it was revoked or has expired. Make a new one and put it into the "
            "connection."
        )
    if status == HTTPStatus.FORBIDDEN:
        return "scope", f"{name} forbids it (403){told}. The token needs {wants}; check its owner's role, too."
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        return "missing", (
            f"{name} answered not found ({status}) to {what}{told}. The repository or the commit is gone or renamed, "
            "or the token may not see it."
        )
    if 300 <= status < 400:  # noqa: PLR2004 — HTTP's redirections
        return "moved", f"{name} says that what {what} asks for has moved ({status})."
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return "fault", f"{name} is at fault itself (it answered {status})."
    return "refused", f"{name} refused {what} ({status}){told}."


def _told(answer: Answer, secrets: Collection[str]) -> str:
    """What the forge says is wrong, as the end of a sentence: cut, on one line, without what we sent as a secret."""
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return ""
    text = " ".join(_words(document)).strip().rstrip(".")
    for secret in secrets:
        if len(secret) >= _SHORT:
            text = text.replace(secret, "…")
    plain = "".join(character if character.isprintable() else " " for character in storable(text))
    return f": “{plain[:_MOST_TOLD]}”" if plain else ""


def _words(document: Any, depth: int = 0) -> list[str]:
    """`message` and `errors` of GitHub, `message` or `error` of GitLab and Gitea, `error.message` of Bitbucket."""
    if isinstance(document, str):
        return [document]
    if depth > 4:  # noqa: PLR2004 — no forge nests its errors deeper
        return []
    if isinstance(document, list):
        return [word for entry in document[:3] for word in _words(entry, depth + 1)]
    if not isinstance(document, dict):
        return []
    found = [document.get(name) for name in ("message", "error", "errors", "error_description")]
    words = [word for entry in found for word in _words(entry, depth + 1)]
    pairs = ((key, _words(value, depth + 1)) for key, value in list(document.items())[:3])
    return words or [f"{key}: {' '.join(told)}" for key, told in pairs if told]


def asked_wait(answer: Answer) -> float | None:
    """Seconds to wait, by `Retry-After` (RFC 9110) or by the reset time of a limit that is used up; None: not asked.

    The reset is a time of the forge's clock (GitHub: `X-RateLimit-Reset`, GitLab: `RateLimit-Reset`, seconds since
    1970), so it is held against the forge's own `Date`: our clock may be off.
    """
    headers = answer.headers
    after = headers.get("retry-after", "").strip()
    left = headers.get("x-ratelimit-remaining", headers.get("ratelimit-remaining", "")).strip()
    reset = headers.get("x-ratelimit-reset", headers.get("ratelimit-reset", "")).strip()
    now = _date(headers.get("date", "")) or time.time()
    if _is_number(after):
        wait: float = float(after)
    elif (then := _date(after)) is not None:
        wait = then - now
    elif left == "0" and _is_number(reset):
        wait = float(reset) - now
    else:
        return None
    return min(max(wait, _LEAST_WAIT_S), MOST_WAIT_S)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS


def _date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
