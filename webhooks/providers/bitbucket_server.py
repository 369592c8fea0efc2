"""What Bitbucket Data Center and Server send: pushes, and pull requests. The signature is Cloud's, in `bitbucket`.

Formats as in Atlassian's documentation, "Event payload" of Bitbucket Data Center.
"""

from __future__ import annotations

from typing import Any

from builds.core.json_values import dicts, items, table
from builds.core.refnames import quoted
from webhooks.providers import payload
from webhooks.providers.base import (
    MOST_CHANGES,
    Event,
    ForgeRepository,
    FormatError,
    HeadRepository,
    Ignored,
    PullRequestAction,
    PullRequestEvent,
    PushEvent,
)
from webhooks.providers.reading import as_event, message_of, no_commit, read_ref

_ACTIONS: dict[str, PullRequestAction] = {
    "pr:opened": "opened",
    "pr:from_ref_updated": "synchronized",
    "pr:merged": "closed",
    "pr:declined": "closed",
    "pr:deleted": "closed",
}


def read(event: str, document: dict[str, Any]) -> Event:
    """The event of Data Center's key (`repo:refs_changed`, `pr:opened` …). Raises FormatError."""
    if event == "repo:refs_changed":
        return _push(document)
    if event in _ACTIONS:
        return _pull_request(event, document)
    reason = f"Nothing is built for the event {quoted(event)}. “Repository: Push” is enough."
    return Ignored(reason=reason, sender=_sender(document), repository=_repository(document))


def repository_of(given: dict[str, Any]) -> ForgeRepository:
    """A repository as Data Center describes it; its name is that of its project's key and its own."""
    links = table(given.get("links"))
    pages = [link.get("href") for link in dicts(links.get("self"))]
    clones = [link.get("href") for link in dicts(links.get("clone"))]
    return ForgeRepository(
        id=payload.identifier(given.get("id")),
        full_name=_full_name(given),
        host=payload.host(pages[0]) if pages else "",
        clone_urls=payload.addresses(*clones),
    )


def _push(document: dict[str, Any]) -> Event:
    given, sender, repository = document.get("changes"), _sender(document), _repository(document)
    changes = [_change(document, change, sender, repository) for change in dicts(given)[:MOST_CHANGES]]
    return as_event(changes, given, sender, repository)


def _change(
    document: dict[str, Any], change: dict[str, Any], sender: str, repository: ForgeRepository
) -> PushEvent | Ignored:
    ref = read_ref(change.get("refId") or table(change.get("ref")).get("id"))
    if isinstance(ref, Ignored):
        return Ignored(reason=ref.reason, sender=sender, repository=repository)
    before, after = change.get("fromHash"), change.get("toHash")
    deleted = change.get("type") == "DELETE" or payload.is_no_commit(after)
    head = table(document.get("toCommit"))
    # `toHash` of an annotated tag is the tag object. `toCommit` tells of one ref; of several nobody says which.
    is_alone = len(items(document.get("changes"))) == 1
    commit = "" if deleted else (payload.commit(head.get("id")) if is_alone else "") or payload.commit(after)
    if not deleted and not commit:
        raise no_commit(ref, "toHash")
    message, author = message_of([head, *items(document.get("commits"))], commit)
    return PushEvent(
        ref=ref,
        commit=commit,
        before=payload.commit(before),
        created=change.get("type") == "ADD" or payload.is_no_commit(before),
        deleted=deleted,
        message=message,
        author=author,
        sender=sender,
        repository=repository,
    )


def _pull_request(event: str, document: dict[str, Any]) -> Event:
    given = table(document.get("pullRequest"))
    head, base = table(given.get("fromRef")), table(given.get("toRef"))
    theirs, ours = table(head.get("repository")), table(base.get("repository"))
    number, commit = payload.number(given.get("id")), payload.commit(head.get("latestCommit"))
    base_ref = _bare(base)
    if not number or not base_ref or (not commit and _ACTIONS[event] != "closed"):
        raise FormatError("The pull request is not told of: its number, its target branch or its commit is missing.")
    clone_urls = repository_of(theirs).clone_urls
    pages = [link.get("href") for link in dicts(table(given.get("links")).get("self"))]
    return PullRequestEvent(
        number=number,
        action=_ACTIONS[event],
        head_commit=commit,
        head_ref=_bare(head),
        base_ref=base_ref,
        is_fork=not payload.identifier(theirs.get("id")) or theirs.get("id") != ours.get("id"),
        base_commit=payload.commit(base.get("latestCommit")),
        merged=event == "pr:merged",
        title=payload.text(given.get("title")),
        url=payload.web_address(pages[0]) if pages else "",
        author=payload.text(table(table(given.get("author")).get("user")).get("name")),
        head_repository=HeadRepository(full_name=_full_name(theirs), clone_url=clone_urls[0] if clone_urls else ""),
        sender=_sender(document),
        repository=repository_of(ours),
    )


def _bare(ref: dict[str, Any]) -> str:
    return payload.text(ref.get("id")).removeprefix("refs/heads/") or payload.text(ref.get("displayId"))


def _full_name(repository: dict[str, Any]) -> str:
    key, slug = payload.text(table(repository.get("project")).get("key")), payload.text(repository.get("slug"))
    return f"{key}/{slug}"[:255] if key and slug else ""


def _repository(document: dict[str, Any]) -> ForgeRepository:
    pull_request = table(document.get("pullRequest"))
    return repository_of(table(document.get("repository")) or table(table(pull_request.get("toRef")).get("repository")))


def _sender(document: dict[str, Any]) -> str:
    return payload.text(table(document.get("actor")).get("name"))
