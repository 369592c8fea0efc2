"""GitHub's webhooks: signature, event, and the fields that builds need. Knows neither HTTP objects nor the database.

Formats as in GitHub's documentation: "Webhook events and payloads" and "Validating webhook deliveries".
"""

from __future__ import annotations

from typing import Any

from builds.core.json_values import table, texts
from builds.core.refnames import quoted
from webhooks.providers import payload, proof
from webhooks.providers.base import (
    Event,
    ForgeRepository,
    FormatError,
    Headers,
    HeadRepository,
    Ignored,
    Ping,
    PullRequestAction,
    PullRequestEvent,
    PushEvent,
)
from webhooks.providers.reading import MAX_MESSAGE, no_commit, read_ref

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

_NOT_A_PUSH = {
    "create": "GitHub sends a push for every new branch or tag as well; that delivery is the one that counts.",
    "delete": "GitHub sends a push for every deleted branch or tag as well; nothing is built for either.",
    "repository": "The repository itself was changed; there is nothing to build in that.",
}
_ACTIONS: dict[str, PullRequestAction] = {
    "opened": "opened",
    "synchronize": "synchronized",
    "reopened": "reopened",
    "closed": "closed",
}


class GitHub:
    """github.com and GitHub Enterprise Server."""

    forge = "github"
    name = "GitHub"
    stops_calling = False

    def event_name(self, headers: Headers) -> str:
        return proof.event_name(headers, "x-github-event")

    def delivery_id(self, headers: Headers) -> str:
        """GitHub's GUID; "Redeliver" sends it again."""
        return proof.delivery_id(headers, "x-github-delivery")

    def signature_problem(self, secret: str, headers: Headers, body: bytes) -> str | None:
        if not secret:
            return proof.no_secret(self.name)
        given = headers.get("x-hub-signature-256")
        if given is None:
            return (_SHA1 if "x-hub-signature" in headers else _UNSIGNED) + proof.another_forge(headers, self.forge)
        if proof.is_same(given, f"sha256={proof.hmac_sha256(secret, body)}"):
            return None
        return _WRONG if given.startswith("sha256=") and proof.is_hex(given[7:]) else _MALFORMED

    def read(self, headers: Headers, body: bytes) -> Event:
        event = self.event_name(headers)
        if not event:
            raise FormatError("The header `X-GitHub-Event` is missing, so this is no delivery of GitHub's.")
        document = payload.read_object(body, headers.get("content-type", ""))
        if event == "push":
            return _push(document)
        if event == "ping":
            return Ping(warning=_ping_warning(document), sender=_sender(document), repository=_repository(document))
        if event == "pull_request":
            return _pull_request(document)
        return _ignored(
            document,
            _NOT_A_PUSH.get(event)
            or f"Nothing is built for the event {quoted(event)}. In GitHub, “Just the push event” is enough.",
        )


def _push(document: dict[str, Any]) -> Event:
    ref = read_ref(document.get("ref"))
    if isinstance(ref, Ignored):
        return _ignored(document, ref.reason)
    after, head = document.get("after"), table(document.get("head_commit"))
    # A forge may leave `deleted` out; the hash of zeros says it too (field case W01).
    deleted = document.get("deleted") is True or payload.is_no_commit(after)
    # `after` of an annotated tag is the tag object; `head_commit` is the commit it stands on (field case W03).
    commit = "" if deleted else payload.commit(head.get("id")) or payload.commit(after)
    if not deleted and not commit:
        raise no_commit(ref, "after")
    return PushEvent(
        ref=ref,
        commit=commit,
        before=payload.commit(document.get("before")),
        forced=document.get("forced") is True,
        created=document.get("created") is True,
        deleted=deleted,
        message=payload.text(head.get("message"), MAX_MESSAGE),
        author=payload.text(table(head.get("author")).get("name")),
        sender=_sender(document),
        url=payload.web_address(document.get("compare")),
        repository=_repository(document),
    )


def _pull_request(document: dict[str, Any]) -> Event:
    given = table(document.get("pull_request"))
    number = payload.number(given.get("number")) or payload.number(document.get("number"))
    head, base = table(given.get("head")), table(given.get("base"))
    action = _ACTIONS.get(payload.text(document.get("action"), 64))
    if action is None:
        what = quoted(payload.text(document.get("action"), 64))
        return _ignored(document, f"Pull request #{number}: {what} brings no commit, so there is nothing to build.")
    commit, base_ref = payload.commit(head.get("sha")), payload.text(base.get("ref"))
    if not number or not base_ref or (not commit and action != "closed"):
        raise FormatError("The pull request is not told of: its number, its target branch or its commit is missing.")
    ours, theirs = table(base.get("repo")) or table(document.get("repository")), table(head.get("repo"))
    # Of a fork that was deleted GitHub says `null`; then nothing proves that the branch is ours (field case W15).
    is_fork = not payload.identifier(theirs.get("id")) or theirs.get("id") != ours.get("id")
    return PullRequestEvent(
        number=number,
        action=action,
        head_commit=commit,
        head_ref=payload.text(head.get("ref")),
        base_ref=base_ref,
        is_fork=is_fork,
        base_commit=payload.commit(base.get("sha")),
        merged=given.get("merged") is True,
        title=payload.text(given.get("title")),
        url=payload.web_address(given.get("html_url")),
        author=payload.text(table(given.get("user")).get("login")),
        head_repository=HeadRepository(
            full_name=payload.text(theirs.get("full_name")), clone_url=payload.text(theirs.get("clone_url"), 1000)
        ),
        sender=_sender(document),
        repository=_repository(document),
    )


def _ignored(document: dict[str, Any], reason: str) -> Ignored:
    return Ignored(reason=reason, sender=_sender(document), repository=_repository(document))


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
        host=payload.host(given.get("html_url")),
        clone_urls=payload.addresses(given.get("clone_url"), given.get("ssh_url")),
    )


def _sender(document: dict[str, Any]) -> str:
    return payload.text(table(document.get("sender")).get("login")) or payload.text(
        table(document.get("pusher")).get("name")
    )
