"""What reading a push means for every forge: which ref, which commit, one change or many. Knows no forge's fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from builds.core.json_values import items
from builds.core.refnames import ONE, Ref, explain_ref, parse_ref, quoted
from webhooks.providers import payload
from webhooks.providers.base import (
    MOST_CHANGES,
    Event,
    ForgeRepository,
    FormatError,
    Ignored,
    ManyPushes,
    PushEvent,
)

MAX_MESSAGE = 10_000


def read_ref(full: Any) -> Ref | Ignored:
    """The branch or tag; Ignored with a reason for another ref of Git's. Raises FormatError for what is no ref."""
    ref = parse_ref(full)
    if ref is not None:
        return ref
    sentence = payload.text(explain_ref(full), 1000)
    if isinstance(full, str) and full.startswith("refs/"):
        return Ignored(reason=sentence)
    raise FormatError(sentence)


def no_commit(ref: Ref, field: str) -> FormatError:
    """The error of a push that says neither what it brings nor that the ref is gone."""
    return FormatError(f"The push of {ONE[ref.type]} {quoted(ref.name)} names no commit: `{field}` is not a hash.")


def as_event(changes: Sequence[PushEvent | Ignored], given: Any, sender: str, repository: ForgeRepository) -> Event:
    """One change as it is, several as one delivery of many. `given` is the forge's whole list. Raises FormatError."""
    if not changes:
        raise FormatError("The push names no change: no ref was made, moved or deleted by it.")
    if len(changes) == 1:
        return changes[0]
    left_out = max(0, len(items(given)) - MOST_CHANGES)
    return ManyPushes(changes=tuple(changes), left_out=left_out, sender=sender, repository=repository)


def message_of(commits: Any, commit: str, *, key: str = "id") -> tuple[str, str]:
    """Message and author's name of the commit in a list of commits; empty where it does not stand there."""
    for entry in items(commits):
        if isinstance(entry, dict) and commit and entry.get(key) == commit:
            author = entry.get("author")
            name = payload.text(author.get("name")) if isinstance(author, dict) else ""
            return payload.text(entry.get("message"), MAX_MESSAGE), name
    return "", ""
