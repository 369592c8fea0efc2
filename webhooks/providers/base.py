"""What every forge's webhook is turned into, and what a forge's module must offer. Reads no bytes itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from builds.core.refnames import Ref

Headers = Mapping[str, str]
"""Names in lower case. Where a header came twice its values are joined with a comma."""


class FormatError(Exception):
    """The request is not what the forge sends; `sentence` says what is wrong with it."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class ForgeRepository:
    """The forge's repository as the request names it; every field is empty where it says nothing.

    `id` survives renames, `full_name` does not (field case W13). `host` is where its pages are, `clone_urls` are where
    Git fetches it from, as the forge says.
    """

    id: str = ""
    full_name: str = ""
    default_branch: str = ""
    host: str = ""
    clone_urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PushEvent:
    """A branch or tag was made, moved or deleted.

    `commit` is the commit itself also for an annotated tag, empty for a deletion. `before` is empty for a new ref.
    `message` and `author` are those of the newest commit, empty where the forge does not say. `url` shows the change.
    """

    ref: Ref
    commit: str
    before: str = ""
    forced: bool = False
    created: bool = False
    deleted: bool = False
    message: str = ""
    author: str = ""
    sender: str = ""
    url: str = ""
    repository: ForgeRepository = field(default_factory=ForgeRepository)


MOST_CHANGES = 200
"""Refs of one delivery that are judged; a mirror that is filled for the first time may push thousands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyPushes:
    """One delivery that moved several refs, in the forge's order; each gets verdicts of its own.

    What is no branch or tag stands among them with its reason. `left_out` counts those beyond `MOST_CHANGES`.
    """

    changes: tuple[PushEvent | Ignored, ...]
    left_out: int = 0
    sender: str = ""
    repository: ForgeRepository = field(default_factory=ForgeRepository)


@dataclass(frozen=True, slots=True)
class HeadRepository:
    """Where the commits of a pull request are; both fields are empty where that repository was deleted."""

    full_name: str = ""
    clone_url: str = ""


PullRequestAction = Literal["opened", "synchronized", "reopened", "closed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestEvent:
    """A pull request (GitLab: merge request) was opened, got new commits, was opened again, or is over.

    What changes no commit (a label, a title) is `Ignored`, where the forge tells it apart; Bitbucket Cloud says
    `synchronized` for a new title too. `head_ref` and `base_ref` are bare branch names, `head_commit` is the full hash
    (Bitbucket Cloud tells its first twelve digits; "" where a closed one does not say), `base_commit` where the target
    stands, "" where the forge does not say. `is_fork` is true also where the head's repository is not told or gone: a
    stranger's until proved otherwise (field case W15). `merged` is told of a closed one.
    """

    number: int
    action: PullRequestAction
    head_commit: str
    head_ref: str
    base_ref: str
    is_fork: bool
    base_commit: str = ""
    merged: bool = False
    title: str = ""
    url: str = ""
    author: str = ""
    head_repository: HeadRepository = field(default_factory=HeadRepository)
    sender: str = ""
    repository: ForgeRepository = field(default_factory=ForgeRepository)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """The forge tries the webhook. `warning` is a sentence where the forge's side is set up so that nothing builds."""

    warning: str = ""
    sender: str = ""
    repository: ForgeRepository = field(default_factory=ForgeRepository)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A good request that asks for nothing; `reason` is a sentence."""

    reason: str
    sender: str = ""
    repository: ForgeRepository = field(default_factory=ForgeRepository)


Event = PushEvent | ManyPushes | PullRequestEvent | Ping | Ignored


class Provider(Protocol):
    """One forge. Pure: headers and bytes in, values out; nothing raises but FormatError from `read`."""

    forge: str
    name: str
    stops_calling: bool
    """Whether the forge switches a webhook off that is often answered with 4xx; what it proved then gets 2xx."""

    def event_name(self, headers: Headers) -> str:
        """What the forge calls the event (`push`); "" where the request does not say."""

    def delivery_id(self, headers: Headers) -> str:
        """The forge's own id of the delivery, the same when it is delivered again; "" where there is none."""

    def signature_problem(self, secret: str, headers: Headers, body: bytes) -> str | None:
        """None where the request was signed with `secret`; else a sentence for the ledger, never for the sender."""

    def read(self, headers: Headers, body: bytes) -> Event:
        """The event. Raises FormatError."""
