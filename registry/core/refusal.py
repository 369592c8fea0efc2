"""What a registry's refusal means, as a kind and as the sentence a person reads. Pure: status, headers, bytes in."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import orjson

from registry.core.errors import Action, Asked, RegistryError, RegistryErrorKind

MAX_TEXT = 200


@dataclass(frozen=True)
class Refusal:
    """An answer that is not what was asked for."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def explain(asked: Asked, refusal: Refusal) -> RegistryError:
    """Turn a refusal into a kind, a sentence and whether trying again can help.

    Codes: OCI distribution-spec 1.1, "Error Codes"; quota texts: Harbor, Quay and GitLab say `DENIED` with a sentence.
    """
    code, text = read_refusal(refusal.body, refusal.headers.get("content-type", ""))
    kind = _kind(asked, refusal, code, text)
    said = f" It says: {text}." if text else ""
    template = _SPECIAL.get((asked.action, kind)) or _SENTENCES[kind]
    sentence = template.format(
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
    RegistryErrorKind.INCOMPLETE: "{host} refused the {what}: it lacks a part of the image, which was probably "
    "deleted there.{said} Build the image again.",
    RegistryErrorKind.INVALID: "{host} refused the {what} ({status}).{said}",
}
_SPECIAL: dict[tuple[Action, RegistryErrorKind], str] = {
    ("push", RegistryErrorKind.NOT_FOUND): "{host} refused the {what}: it has no such repository.{said} "
    "Make the repository there first, or check its name.",
    ("health check", RegistryErrorKind.NOT_FOUND): "{host} answers, but not as a registry ({status}).",
}


_VERBS: dict[Action, str] = {
    "push": "write",
    "pull": "read",
    "deletion": "delete",
    "tag list": "read",
    "health check": "read",
    "log-in": "log in",
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
    # An upload that was begun and is gone: the registry was started anew, or another one of several was asked.
    "BLOB_UPLOAD_UNKNOWN": RegistryErrorKind.UNAVAILABLE,
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


def _kind(asked: Asked, refusal: Refusal, code: str, text: str) -> RegistryErrorKind:
    status, kinds = refusal.status, RegistryErrorKind
    known = _STATUSES.get(HTTPStatus(status)) if status in _KNOWN_STATUSES else None
    is_ours = status < HTTPStatus.INTERNAL_SERVER_ERROR
    unknown_parts = asked.action == "push" and code in {"MANIFEST_UNKNOWN", "BLOB_UNKNOWN"}
    # First that holds. An answer of a proxy is told by its status alone, one of the registry by code and text.
    rules = (
        (known in {kinds.TOO_LARGE, kinds.RATE_LIMIT, kinds.QUOTA}, known),
        (is_ours and _QUOTA.search(text), kinds.QUOTA),
        (code == "MANIFEST_BLOB_UNKNOWN" or unknown_parts, kinds.INCOMPLETE),
        # The log-in was good; what it allows is not enough.
        ('error="insufficient_scope"' in refusal.headers.get("www-authenticate", ""), kinds.DENIED),
        (known is kinds.DENIED and code != "TOOMANYREQUESTS", known),
        (not is_ours, kinds.UNAVAILABLE),
        (True, _CODES.get(code) or known),
    )
    return next(kind for holds, kind in rules if holds) or kinds.INVALID


_KNOWN_STATUSES = frozenset(status.value for status in HTTPStatus)


def _status(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}" if status in _KNOWN_STATUSES else str(status)


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
