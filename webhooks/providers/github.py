"""GitHub's webhooks: signature, event, and the fields that builds need. Knows neither HTTP objects nor the database.

Formats as in GitHub's documentation: "Webhook events and payloads" and "Validating webhook deliveries".
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any
from urllib.parse import urlsplit

from builds.core.json_values import table, texts
from builds.core.refnames import ONE, explain_ref, parse_ref, quoted
from webhooks.providers import payload
from webhooks.providers.base import Event, ForgeRepository, FormatError, Headers, Ignored, Ping, PushEvent

MAX_MESSAGE = 10_000
_ID_LENGTH = 128

_UNSIGNED = (
    "The request carried no signature. In GitHub, open the webhook's settings and paste the secret of this source "
    "into “Secret”."
)
_SHA1 = (
    "The request was signed with SHA-1 only (`X-Hub-Signature`), which is not accepted. Send `X-Hub-Signature-256`; "
    "GitHub does since 2020."
)
_MALFORMED = (
    "The header `X-Hub-Signature-256` is not a signature: it must read `sha256=` and 64 lower-case hexadecimal digits."
)
_WRONG = (
    "The signature does not fit. GitHub signs with another secret than this source has: make a new secret in the "
    "settings and paste it into the webhook's “Secret”. Or something between changed the body."
)
_NOTHING_TO_PROVE_WITH = (
    "This source has no webhook secret, so no request can be proved to be GitHub's. Make one in the settings."
)

_NOT_A_PUSH = {
    "create": "GitHub sends a push for every new branch or tag as well; that delivery is the one that counts.",
    "delete": "GitHub sends a push for every deleted branch or tag as well; nothing is built for either.",
    "pull_request": "Pull requests are not built; their commits are, once a push brings them to a branch with a rule.",
    "repository": "The repository itself was changed; there is nothing to build in that.",
}


class GitHub:
    """github.com and GitHub Enterprise Server."""

    forge = "github"
    name = "GitHub"
    stops_calling = False

    def event_name(self, headers: Headers) -> str:
        return payload.text(headers.get("x-github-event", "").strip(), 64)

    def delivery_id(self, headers: Headers) -> str:
        """GitHub's GUID; "Redeliver" sends it again. A text that is too long to be one stands as its digest."""
        given = headers.get("x-github-delivery", "").strip()
        if len(given) > _ID_LENGTH:
            return f"sha256:{hashlib.sha256(given.encode('utf-8', 'replace')).hexdigest()}"
        return payload.text(given, _ID_LENGTH)

    def signature_problem(self, secret: str, headers: Headers, body: bytes) -> str | None:
        if not secret:
            return _NOTHING_TO_PROVE_WITH
        given = headers.get("x-hub-signature-256")
        if given is None:
            return _SHA1 if "x-hub-signature" in headers else _UNSIGNED
        right = f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
        if hmac.compare_digest(given.encode("utf-8", "replace"), right.encode()):
            return None
        return _WRONG if _looks_signed(given) else _MALFORMED

    def read(self, headers: Headers, body: bytes) -> Event:
        event = self.event_name(headers)
        if not event:
            raise FormatError("The header `X-GitHub-Event` is missing, so this is no delivery of GitHub's.")
        document = payload.read_object(body, headers.get("content-type", ""))
        if event == "push":
            return _push(document)
        if event == "ping":
            return Ping(warning=_ping_warning(document), sender=_sender(document), repository=_repository(document))
        reason = _NOT_A_PUSH.get(event) or (
            f"Nothing is built for the event {quoted(event)}. In GitHub, “Just the push event” is enough."
        )
        return Ignored(reason=reason, sender=_sender(document), repository=_repository(document))


def _looks_signed(given: str) -> bool:
    algorithm, _, digits = given.partition("=")
    return algorithm == "sha256" and len(digits) == 64 and not digits.strip("0123456789abcdef")  # noqa: PLR2004


def _push(document: dict[str, Any]) -> Event:
    full, sender, repository = document.get("ref"), _sender(document), _repository(document)
    ref = parse_ref(full)
    if ref is None:
        if isinstance(full, str) and full.startswith("refs/"):
            return Ignored(reason=_storable(explain_ref(full)), sender=sender, repository=repository)
        raise FormatError(_storable(explain_ref(full)))
    after, head = document.get("after"), table(document.get("head_commit"))
    # A forge may leave `deleted` out; the hash of zeros says it too (field case W01).
    deleted = document.get("deleted") is True or payload.is_no_commit(after)
    # `after` of an annotated tag is the tag object; `head_commit` is the commit it stands on (field case W03).
    commit = "" if deleted else payload.commit(head.get("id")) or payload.commit(after)
    if not deleted and not commit:
        raise FormatError(f"The push of {ONE[ref.type]} {quoted(ref.name)} names no commit: `after` is not a hash.")
    return PushEvent(
        ref=ref,
        commit=commit,
        before=payload.commit(document.get("before")),
        forced=document.get("forced") is True,
        created=document.get("created") is True,
        deleted=deleted,
        message=payload.text(head.get("message"), MAX_MESSAGE),
        author=payload.text(table(head.get("author")).get("name")),
        sender=sender,
        url=_web_address(document.get("compare")),
        repository=repository,
    )


def _ping_warning(document: dict[str, Any]) -> str:
    hook = table(document.get("hook"))
    events = texts(hook.get("events"))
    if events and "push" not in events and "*" not in events:
        chosen = ", ".join(quoted(payload.text(event, 64)) for event in events[:5])
        return f"But it is set up to send {chosen} and no pushes: choose “Just the push event” in GitHub."
    return ""


def _repository(document: dict[str, Any]) -> ForgeRepository:
    given = table(document.get("repository"))
    return ForgeRepository(
        id=payload.identifier(given.get("id")),
        full_name=payload.text(given.get("full_name")),
        default_branch=payload.text(given.get("default_branch")),
        host=_host(given.get("html_url")),
    )


def _sender(document: dict[str, Any]) -> str:
    return payload.text(table(document.get("sender")).get("login")) or payload.text(
        table(document.get("pusher")).get("name")
    )


def _web_address(value: Any) -> str:
    url = payload.text(value, 1000)
    return url if url.startswith(("https://", "http://")) else ""


def _host(url: Any) -> str:
    try:
        return (urlsplit(payload.text(url, 1000)).hostname or "")[:255]
    except ValueError:
        return ""


def _storable(sentence: str) -> str:
    return payload.text(sentence, 1000)
