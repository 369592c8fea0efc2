"""Bitbucket's webhooks: proof, event, and the fields that builds need of Bitbucket Cloud's.

Formats as in Atlassian's documentation, "Event payloads" of Bitbucket Cloud. What Bitbucket Data Center sends has other
fields under the same headers, and is read in `bitbucket_server`.
"""

from __future__ import annotations

from typing import Any

from builds.core.json_values import dicts, items, table
from builds.core.refnames import quoted
from webhooks.providers import bitbucket_server, payload, proof
from webhooks.providers.base import (
    MOST_CHANGES,
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
from webhooks.providers.reading import MAX_MESSAGE, as_event, no_commit, read_ref

_UNSIGNED = (
    "The request carried no signature. In Bitbucket, open the webhook's settings and paste the secret of this source "
    "into “Secret”."
)
_MALFORMED = (
    "The header `X-Hub-Signature` is not a signature: it must read `sha256=` and 64 lower-case hexadecimal digits."
)
_WRONG = (
    "The signature does not fit. Bitbucket signs with another secret than this source has: make a new secret in the "
    "settings and paste it into the webhook's “Secret”. Or something between changed the body."
)
_ACTIONS: dict[str, PullRequestAction] = {
    "pullrequest:created": "opened",
    "pullrequest:updated": "synchronized",
    "pullrequest:fulfilled": "closed",
    "pullrequest:rejected": "closed",
}
_PREFIXES = {"branch": "refs/heads/", "tag": "refs/tags/", "annotated_tag": "refs/tags/"}


class Bitbucket:
    """bitbucket.org, and Bitbucket Data Center or Server. They sign under the name that GitHub once had for SHA-1."""

    forge = "bitbucket"
    name = "Bitbucket"
    stops_calling = False

    def event_name(self, headers: Headers) -> str:
        return proof.event_name(headers, "x-event-key")

    def delivery_id(self, headers: Headers) -> str:
        """Bitbucket Cloud's second and third attempt keep the id of the first; `X-Hook-UUID` is the webhook's own."""
        return proof.delivery_id(headers, "x-request-uuid", "x-request-id")

    def signature_problem(self, secret: str, headers: Headers, body: bytes) -> str | None:
        if not secret:
            return proof.no_secret(self.name)
        given = headers.get("x-hub-signature", "")
        if not given:
            return _UNSIGNED + proof.another_forge(headers, self.forge)
        if proof.is_same(given, f"sha256={proof.hmac_sha256(secret, body)}"):
            return None
        return _WRONG if given.startswith("sha256=") and proof.is_hex(given[7:]) else _MALFORMED

    def read(self, headers: Headers, body: bytes) -> Event:
        event = self.event_name(headers)
        if not event:
            raise FormatError("The header `X-Event-Key` is missing, so this is no delivery of Bitbucket's.")
        document = payload.read_object(body, headers.get("content-type", ""))
        if event == "diagnostics:ping":
            return Ping(repository=_repository(document))
        if event.startswith(("pr:", "mirror:")) or event == "repo:refs_changed":
            return bitbucket_server.read(event, document)
        if event == "repo:push":
            return _push(document)
        if event in _ACTIONS:
            return _pull_request(event, document)
        return Ignored(
            reason=f"Nothing is built for the event {quoted(event)}. “Repository: Push” is enough.",
            sender=_sender(document),
            repository=_repository(document),
        )


def _push(document: dict[str, Any]) -> Event:
    given = table(document.get("push")).get("changes")
    sender, repository = _sender(document), _repository(document)
    changes = [_change(change, sender, repository) for change in dicts(given)[:MOST_CHANGES]]
    return as_event(changes, given, sender, repository)


def _change(change: dict[str, Any], sender: str, repository: ForgeRepository) -> PushEvent | Ignored:
    """One ref: `old` and `new` are null where it did not exist before, or does not any more."""
    new, old = table(change.get("new")), table(change.get("old"))
    kind, name = payload.text((new or old).get("type"), 64), (new or old).get("name")
    if kind not in _PREFIXES:
        reason = f"{quoted(kind or 'something')} {quoted(payload.text(name))} is neither a branch nor a tag of Git's."
        return Ignored(reason=reason, sender=sender, repository=repository)
    ref = read_ref(f"{_PREFIXES[kind]}{name}" if isinstance(name, str) else None)
    if isinstance(ref, Ignored):
        return Ignored(reason=ref.reason, sender=sender, repository=repository)
    target = table(new.get("target"))
    commit = payload.commit(target.get("hash"))
    if new and not commit:
        raise no_commit(ref, "new.target.hash")
    return PushEvent(
        ref=ref,
        commit=commit,
        before=payload.commit(table(old.get("target")).get("hash")),
        forced=change.get("forced") is True and bool(new),
        created=not old,
        deleted=not new,
        message=payload.text(target.get("message"), MAX_MESSAGE),
        author=_author(target.get("author")),
        sender=sender,
        url=payload.web_address(table(table(change.get("links")).get("html")).get("href")),
        repository=repository,
    )


def _pull_request(event: str, document: dict[str, Any]) -> Event:
    given = table(document.get("pullrequest"))
    number = payload.number(given.get("id"))
    head, base = table(given.get("source")), table(given.get("destination"))
    base_ref = payload.text(table(base.get("branch")).get("name"))
    commit, action = payload.abbreviated(table(head.get("commit")).get("hash")), _ACTIONS[event]
    if not number or not base_ref or (not commit and action != "closed"):
        raise FormatError("The pull request is not told of: its number, its target branch or its commit is missing.")
    theirs, ours = table(head.get("repository")), table(base.get("repository")) or table(document.get("repository"))
    return PullRequestEvent(
        number=number,
        action=action,
        head_commit=commit,
        head_ref=payload.text(table(head.get("branch")).get("name")),
        base_ref=base_ref,
        is_fork=not _key(theirs) or _key(theirs) != _key(ours),
        base_commit=payload.abbreviated(table(base.get("commit")).get("hash")),
        merged=event == "pullrequest:fulfilled",
        title=payload.text(given.get("title")),
        url=payload.web_address(table(table(given.get("links")).get("html")).get("href")),
        author=_name(given.get("author")),
        head_repository=HeadRepository(full_name=payload.text(theirs.get("full_name")), clone_url=_clone_url(theirs)),
        sender=_sender(document),
        repository=_repository(document),
    )


def _key(repository: dict[str, Any]) -> str:
    """What tells a repository from its forks: its id, or its name where a payload of old carries none."""
    return payload.text(repository.get("uuid"), 64) or payload.text(repository.get("full_name")).lower()


def _clone_url(repository: dict[str, Any]) -> str:
    """Bitbucket Cloud names no address to clone from; it is the page's."""
    page = payload.web_address(table(table(repository.get("links")).get("html")).get("href"))
    return f"{page}.git" if page else ""


def _repository(document: dict[str, Any]) -> ForgeRepository:
    given = table(document.get("repository"))
    if "slug" in given and items(table(given.get("links")).get("self")):
        return bitbucket_server.repository_of(given)
    page = table(table(given.get("links")).get("html")).get("href")
    return ForgeRepository(
        id=payload.text(given.get("uuid"), 64),
        full_name=payload.text(given.get("full_name")),
        default_branch=payload.text(table(given.get("mainbranch")).get("name")),
        host=payload.host(page),
    )


def _sender(document: dict[str, Any]) -> str:
    return _name(document.get("actor"))


def _name(value: Any) -> str:
    user = table(value)
    return next(
        (name for key in ("nickname", "username", "display_name", "name") if (name := payload.text(user.get(key)))), ""
    )


def _author(value: Any) -> str:
    author = table(value)
    display = payload.text(table(author.get("user")).get("display_name"))
    return display or payload.text(author.get("raw")).partition(" <")[0]
