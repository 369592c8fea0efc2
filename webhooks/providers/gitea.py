"""Gitea's webhooks, which Forgejo and Gogs share: signature, event, and the fields that builds need.

Formats as in Gitea's documentation ("Webhooks") and in its source, `modules/structs/hook.go`; Forgejo adds headers of
its own name, Gogs has only those of its name and tells of a new tag in `create` alone.
"""

from __future__ import annotations

from typing import Any

from builds.core.json_values import items, table
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
from webhooks.providers.reading import message_of, no_commit, read_ref

_UNSIGNED = (
    "The request carried no signature. In the forge, open the webhook's settings and paste the secret of this source "
    "into “Secret”."
)
_MALFORMED = (
    "The header with the signature (`X-Gitea-Signature`, or that of Forgejo or Gogs) is none: it must be 64 lower-case "
    "hexadecimal digits."
)
_WRONG = (
    "The signature does not fit. The forge signs with another secret than this source has: make a new secret in the "
    "settings and paste it into the webhook's “Secret”. Or something between changed the body."
)
_NOT_A_PUSH = {
    "create": "the forge sends a push for every new branch or tag as well; that delivery is the one that counts.",
    "delete": "a branch or tag was deleted; images made from it stay.",
    "repository": "The repository itself was changed; there is nothing to build in that.",
}
_ACTIONS: dict[str, PullRequestAction] = {
    "opened": "opened",
    "synchronized": "synchronized",
    "synchronize": "synchronized",
    "reopened": "reopened",
    "closed": "closed",
}
_SIGNATURES = ("x-gitea-signature", "x-forgejo-signature", "x-gogs-signature")
_HUB = "x-hub-signature-256"


class Gitea:
    """Gitea, Forgejo (Codeberg) and Gogs."""

    forge = "gitea"
    name = "Gitea or Forgejo"
    stops_calling = False

    def event_name(self, headers: Headers) -> str:
        return proof.event_name(headers, "x-forgejo-event", "x-gitea-event", "x-gogs-event")

    def delivery_id(self, headers: Headers) -> str:
        """The UUID of the delivery; delivering again keeps it."""
        return proof.delivery_id(headers, "x-forgejo-delivery", "x-gitea-delivery", "x-gogs-delivery")

    def signature_problem(self, secret: str, headers: Headers, body: bytes) -> str | None:
        """The forge sends one signature under several names; each that is there must be right."""
        if not secret:
            return proof.no_secret(self.name)
        given = [(name, headers[name]) for name in (*_SIGNATURES, _HUB) if headers.get(name)]
        if not given:
            return _UNSIGNED + proof.another_forge(headers, self.forge)
        digits = proof.hmac_sha256(secret, body)
        wrong = [
            value for name, value in given if not proof.is_same(value, f"sha256={digits}" if name == _HUB else digits)
        ]
        if not wrong:
            return None
        return _WRONG if all(proof.is_hex(value.removeprefix("sha256=")) for value in wrong) else _MALFORMED

    def read(self, headers: Headers, body: bytes) -> Event:
        event = self.event_name(headers)
        if not event:
            raise FormatError("The header `X-Gitea-Event` is missing, so this is no delivery of Gitea's or Forgejo's.")
        document = payload.read_object(body, headers.get("content-type", ""))
        if event == "push":
            return _push(document)
        # Newer ones write `pull_request_sync`, `pull_request_label` … into the header of the event's type alone.
        if event in ("pull_request", "pull_request_sync"):
            return _pull_request(document)
        is_gogs = "x-gogs-event" in headers and "x-gitea-event" not in headers
        if event == "create" and is_gogs and document.get("ref_type") == "tag":
            return _new_tag(document)
        return _ignored(
            document, _NOT_A_PUSH.get(event) or f"Nothing is built for the event {quoted(event)}. Pushes are enough."
        )


def _push(document: dict[str, Any]) -> Event:
    ref = read_ref(document.get("ref"))
    if isinstance(ref, Ignored):
        return _ignored(document, ref.reason)
    before, after, head = document.get("before"), document.get("after"), table(document.get("head_commit"))
    deleted = payload.is_no_commit(after)
    # `after` of an annotated tag is the tag object; `head_commit` is the commit it stands on (field case W03).
    commit = "" if deleted else payload.commit(head.get("id")) or payload.commit(after)
    if not deleted and not commit:
        raise no_commit(ref, "after")
    if before == after and commit:
        return Ping(warning="It was a test: nothing was pushed.", sender=_sender(document), repository=_of(document))
    message, author = message_of([head, *items(document.get("commits"))], commit)
    return PushEvent(
        ref=ref,
        commit=commit,
        before=payload.commit(before),
        created=payload.is_no_commit(before),
        deleted=deleted,
        message=message,
        author=author,
        sender=_sender(document),
        url=payload.web_address(document.get("compare_url")),
        repository=_of(document),
    )


def _new_tag(document: dict[str, Any]) -> Event:
    """Gogs sends no push for a tag; its `create` names the tag without `refs/tags/`, and newer ones the commit."""
    name = document.get("ref")
    ref = read_ref(f"refs/tags/{name.removeprefix('refs/tags/')}" if isinstance(name, str) else None)
    if isinstance(ref, Ignored):
        return _ignored(document, ref.reason)
    # Without a commit the checkout decides what the tag stands on.
    commit = payload.commit(document.get("sha"))
    return PushEvent(ref=ref, commit=commit, created=True, sender=_sender(document), repository=_of(document))


def _pull_request(document: dict[str, Any]) -> Event:
    given = table(document.get("pull_request"))
    number = payload.number(document.get("number")) or payload.number(given.get("number"))
    head, base = table(given.get("head")), table(given.get("base"))
    word = payload.text(document.get("action"), 64)
    action = _ACTIONS.get(word)
    if action is None:
        what = quoted(word) if word else "this event"
        return _ignored(document, f"Pull request #{number}: {what} brings no commit, so there is nothing to build.")
    if "head_branch" in given and not head:
        return _ignored(document, f"Gogs names no commit of pull request #{number}, so it cannot be tested.")
    commit, base_ref = payload.commit(head.get("sha")), payload.text(base.get("ref"))
    if not number or not base_ref or (not commit and action != "closed"):
        raise FormatError("The pull request is not told of: its number, its target branch or its commit is missing.")
    theirs, ours = table(head.get("repo")), table(base.get("repo")) or table(document.get("repository"))
    return PullRequestEvent(
        number=number,
        action=action,
        head_commit=commit,
        head_ref=payload.text(head.get("ref")),
        base_ref=base_ref,
        is_fork=not payload.identifier(theirs.get("id")) or theirs.get("id") != ours.get("id"),
        base_commit=payload.commit(base.get("sha")),
        merged=given.get("merged") is True,
        title=payload.text(given.get("title")),
        url=payload.web_address(given.get("html_url")),
        author=_login(given.get("user")),
        head_repository=HeadRepository(
            full_name=payload.text(theirs.get("full_name")), clone_url=payload.text(theirs.get("clone_url"), 1000)
        ),
        sender=_sender(document),
        repository=_of(document),
    )


def _ignored(document: dict[str, Any], reason: str) -> Ignored:
    return Ignored(reason=reason, sender=_sender(document), repository=_of(document))


def _of(document: dict[str, Any]) -> ForgeRepository:
    given = table(document.get("repository"))
    return ForgeRepository(
        id=payload.identifier(given.get("id")),
        full_name=payload.text(given.get("full_name")),
        default_branch=payload.text(given.get("default_branch")),
        host=payload.host(given.get("html_url")),
        clone_urls=payload.addresses(given.get("clone_url"), given.get("ssh_url")),
    )


def _sender(document: dict[str, Any]) -> str:
    return _login(document.get("sender")) or _login(document.get("pusher"))


def _login(value: Any) -> str:
    user = table(value)
    return payload.text(user.get("login")) or payload.text(user.get("username"))
