"""GitLab's webhooks, of a project, a group or the whole server: proof, event, and the fields that builds need.

Formats as in GitLab's documentation: "Webhook events", "System hooks" and "Webhooks", section on signing tokens, which
follow the Standard Webhooks specification.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from builds.core.json_values import table
from builds.core.refnames import quoted
from webhooks.providers import payload, proof
from webhooks.providers.base import (
    Event,
    ForgeRepository,
    FormatError,
    Headers,
    HeadRepository,
    Ignored,
    PullRequestAction,
    PullRequestEvent,
    PushEvent,
)
from webhooks.providers.reading import message_of, no_commit, read_ref

_UNSIGNED = (
    "The request carried no secret token. In GitLab, open the webhook's settings and paste the secret of this source "
    "into “Secret token”."
)
_WRONG = (
    "The secret token does not fit. GitLab sends another one than this source has: make a new secret in the settings "
    "and paste it into the webhook's “Secret token”, without a space at either end."
)
_WRONG_SIGNATURE = (
    "The signature does not fit. GitLab signs with another signing token than this source's, which the settings show "
    "beside the secret when it is made: paste that one, or take the signing token out of the webhook and leave the "
    "secret token. Or something between changed the body."
)
_OTHERS = {
    "repository_update": "GitLab tells of every branch and tag in a push event as well. Choose “Push events” and “Tag "
    "push events” for the webhook; those count.",
    "project_rename": "The project was renamed; there is nothing to build in that.",
    "project_transfer": "The project was transferred; there is nothing to build in that.",
}
_ACTIONS: dict[str, PullRequestAction] = {
    "open": "opened",
    "update": "synchronized",
    "reopen": "reopened",
    "close": "closed",
    "merge": "closed",
}
_KEY_LENGTH = 32


class GitLab:
    """gitlab.com and self-managed GitLab.

    GitLab switches a webhook off after a few answers that are 4xx, for a while or for good (field case W14).
    """

    forge = "gitlab"
    name = "GitLab"
    stops_calling = True

    def event_name(self, headers: Headers) -> str:
        return proof.event_name(headers, "x-gitlab-event")

    def delivery_id(self, headers: Headers) -> str:
        """The key that GitLab's retries share. The event's own id comes last: webhooks that set off each other's
        events share it.
        """
        return proof.delivery_id(headers, "idempotency-key", "webhook-id", "x-gitlab-event-uuid")

    def signature_problem(self, secret: str, headers: Headers, body: bytes) -> str | None:
        """Whatever the request offers must be right, and it must offer something."""
        if not secret:
            return proof.no_secret(self.name)
        token, signatures = headers.get("x-gitlab-token", ""), headers.get("webhook-signature", "")
        if not token and not signatures:
            return _UNSIGNED + proof.another_forge(headers, self.forge)
        if token and not proof.is_same(token, secret):
            return _WRONG
        if signatures and not _is_signed(secret, headers, signatures, body):
            return _WRONG_SIGNATURE
        return None

    def read(self, headers: Headers, body: bytes) -> Event:
        if not self.event_name(headers):
            raise FormatError("The header `X-Gitlab-Event` is missing, so this is no delivery of GitLab's.")
        document = payload.read_object(body, headers.get("content-type", ""))
        # System hooks name what happened in `event_name` alone, and all come as the event "System Hook".
        kind = payload.text(document.get("object_kind"), 64) or payload.text(document.get("event_name"), 64)
        if kind in ("push", "tag_push"):
            return _push(document)
        if kind == "merge_request":
            return _merge_request(document)
        if not kind:
            raise FormatError("The body names neither `object_kind` nor `event_name`; GitLab's webhooks do.")
        return _ignored(
            document,
            _OTHERS.get(kind)
            or f"Nothing is built for the event {quoted(kind)}. “Push events” and “Tag push events” are enough.",
        )


def signing_token(secret: str) -> str:
    """The secret in the form that GitLab's “Signing token” wants: `whsec_` and 32 bytes in base64."""
    return f"whsec_{base64.b64encode(_key(secret)).decode()}"


def _key(secret: str) -> bytes:
    """The 32 bytes behind a secret that was made here; of any other text its SHA-256, which has as many."""
    try:
        key = bytes.fromhex(secret)
    except ValueError:
        key = b""
    return key if len(key) == _KEY_LENGTH else hashlib.sha256(secret.encode()).digest()


def _is_signed(secret: str, headers: Headers, signatures: str, body: bytes) -> bool:
    """Whether one of the signatures is right; several stand there while a key is exchanged."""
    identity, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    signed = f"{identity}.{at}.".encode("utf-8", "replace") + body
    right = base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()
    given = signatures.replace(",v1,", " v1,").split()[:10]
    return any(proof.is_same(signature, f"v1,{right}") for signature in given)


def _push(document: dict[str, Any]) -> Event:
    ref = read_ref(document.get("ref"))
    if isinstance(ref, Ignored):
        return _ignored(document, ref.reason)
    after, commits = document.get("after"), document.get("commits")
    # GitLab has no `deleted`: zeros are all it says of that (field case W01).
    deleted = payload.is_no_commit(after)
    # `after` of an annotated tag is the tag object; `checkout_sha` is the commit it stands on (field case W03).
    commit = "" if deleted else payload.commit(document.get("checkout_sha")) or payload.commit(after)
    if not deleted and not commit:
        raise no_commit(ref, "after")
    before = payload.commit(document.get("before"))
    message, author = message_of(commits, commit)
    return PushEvent(
        ref=ref,
        commit=commit,
        before=before,
        created=payload.is_no_commit(document.get("before")),
        deleted=deleted,
        message=message,
        author=author,
        sender=_sender(document),
        url=_compare(document, before, commit),
        repository=_repository(document),
    )


def _compare(document: dict[str, Any], before: str, commit: str) -> str:
    page = payload.web_address(table(document.get("project")).get("web_url"))
    return f"{page}/-/compare/{before}...{commit}" if page and before and commit else ""


def _merge_request(document: dict[str, Any]) -> Event:
    given = table(document.get("object_attributes"))
    number, word = payload.number(given.get("iid")), payload.text(given.get("action"), 64)
    action = _ACTIONS.get(word)
    # `update` is a new title as well as new commits; only of the latter GitLab says where the branch was before.
    if action is None or (action == "synchronized" and not payload.commit(given.get("oldrev"))):
        what = quoted(word) if word else "this event"
        return _ignored(document, f"Merge request !{number}: {what} brings no commit, so there is nothing to build.")
    commit = payload.commit(table(given.get("last_commit")).get("id"))
    base_ref = payload.text(given.get("target_branch"))
    if not number or not base_ref or (not commit and action != "closed"):
        raise FormatError("The merge request is not told of: its number, its target branch or its commit is missing.")
    theirs, user = table(given.get("source")), table(document.get("user"))
    source_id = payload.identifier(given.get("source_project_id"))
    is_author = payload.identifier(user.get("id")) == payload.identifier(given.get("author_id")) != ""
    return PullRequestEvent(
        number=number,
        action=action,
        head_commit=commit,
        head_ref=payload.text(given.get("source_branch")),
        base_ref=base_ref,
        is_fork=not source_id or source_id != payload.identifier(given.get("target_project_id")),
        merged=word == "merge",
        title=payload.text(given.get("title")),
        url=payload.web_address(given.get("url")),
        author=payload.text(user.get("username")) if is_author else "",
        head_repository=HeadRepository(
            full_name=payload.text(theirs.get("path_with_namespace")),
            clone_url=payload.text(theirs.get("git_http_url"), 1000) or payload.text(theirs.get("http_url"), 1000),
        ),
        sender=_sender(document),
        repository=_repository(document),
    )


def _ignored(document: dict[str, Any], reason: str) -> Ignored:
    return Ignored(reason=reason, sender=_sender(document), repository=_repository(document))


def _repository(document: dict[str, Any]) -> ForgeRepository:
    """The project; events of the server about a project carry its fields without an object around them."""
    given = table(document.get("project"))
    target = table(table(document.get("object_attributes")).get("target"))
    urls = (given.get("git_http_url"), given.get("git_ssh_url"), given.get("http_url"), given.get("ssh_url"))
    return ForgeRepository(
        id=payload.identifier(given.get("id"))
        or payload.identifier(document.get("project_id"))
        or payload.identifier(table(document.get("object_attributes")).get("target_project_id")),
        full_name=payload.text(given.get("path_with_namespace"))
        or payload.text(document.get("path_with_namespace"))
        or payload.text(target.get("path_with_namespace")),
        default_branch=payload.text(given.get("default_branch")),
        host=payload.host(given.get("web_url")) or payload.host(target.get("web_url")),
        clone_urls=payload.addresses(*urls),
    )


def _sender(document: dict[str, Any]) -> str:
    user = table(document.get("user"))
    return (
        payload.text(document.get("user_username"))
        or payload.text(document.get("user_name"))
        or payload.text(user.get("username"))
    )
