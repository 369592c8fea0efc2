"""What the clients of all forges share: values, the one error, and the interface. Sends nothing itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

StatusState = Literal["pending", "success", "failure", "error", "stopped", "skipped"]
"""How a build stands, for a forge. `stopped`: nobody's fault, and no image; `skipped`: there was nothing to build."""

FINAL_STATES = frozenset({"success", "failure", "error", "stopped", "skipped"})

Kind = Literal["token", "scope", "limited", "missing", "refused", "moved", "fault", "unreachable", "address", "odd"]
_FINAL = frozenset({"missing", "refused"})


class ForgeError(Exception):
    """A forge did not do what was asked. `sentence` is for people and holds no secret.

    `status` is the HTTP status, None where no answer came. `wait_s` is how long the forge asked to be left alone,
    None where it said nothing.
    """

    def __init__(self, kind: Kind, sentence: str, *, status: int | None = None, wait_s: float | None = None) -> None:
        super().__init__(sentence)
        self.kind: Kind = kind
        self.sentence = sentence
        self.status = status
        self.wait_s = wait_s

    @property
    def may_pass(self) -> bool:
        """Whether asking again later can help, by itself or once somebody mended the token."""
        return self.kind not in _FINAL

    @property
    def concerns_all(self) -> bool:
        """Whether everything else that is asked with the same token now would go the same way."""
        return self.kind in ("token", "limited", "fault", "unreachable", "address")


@dataclass(frozen=True, slots=True)
class Access:
    """Where a forge's API is, and what opens it. `username` only where the forge wants one beside the token.

    `owner` narrows the list of repositories to one organization, group or workspace; Bitbucket must be told it.
    `is_app`: the token is a GitHub App's, for one installation.
    """

    forge: str
    api_url: str
    token: str = field(repr=False)
    username: str = ""
    owner: str = ""
    is_app: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """Whose token it is. `missing` are scopes it lacks, as the forge calls them; empty where the forge does not say."""

    login: str
    scopes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RemoteRepository:
    """A repository at the forge. `may_admin` is None where the forge does not say; webhooks need it."""

    id: str
    full_name: str
    clone_url: str
    ssh_url: str = ""
    default_branch: str = ""
    is_private: bool = False
    may_admin: bool | None = None


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook at the forge. `events` are those of `HookWish.events`; `last_status` is what we last answered to it."""

    id: str
    url: str
    events: frozenset[str] = frozenset()
    is_active: bool = True
    is_json: bool = True
    last_status: int | None = None


@dataclass(frozen=True, slots=True)
class HookWish:
    """The webhook as it should be. `pull_requests`: besides pushes of branches and tags."""

    url: str
    secret: str = field(repr=False)
    pull_requests: bool = False

    @property
    def events(self) -> frozenset[str]:
        """In our words: `push`, and `pull_request` where those count."""
        return frozenset({"push", "pull_request"} if self.pull_requests else {"push"})


@dataclass(frozen=True, slots=True)
class DeployKey:
    """A public key that may clone the repository."""

    id: str
    title: str
    key: str
    is_read_only: bool = True


@dataclass(frozen=True, slots=True)
class Status:
    """A commit's status under one context. `description` has at most 140 characters (GitHub's limit)."""

    context: str
    state: StatusState
    description: str = ""
    target_url: str = ""


class Forge(Protocol):
    """One forge and one token; made by `webhooks.forges.opened`. Every method raises ForgeError.

    `full_name` is the forge's own path of a repository: `acme/web`, in GitLab also `group/sub/web`.
    """

    name: str

    def check(self) -> Account:
        """Whose token it is, and what it lacks."""

    def repositories(self, most: int) -> Iterator[RemoteRepository]:
        """Those that the token may see, at most `most`, a page at a time."""

    def repository(self, full_name: str) -> RemoteRepository:
        """One repository, also under a name that it had before, where the forge redirects."""

    def hooks(self, full_name: str) -> list[Hook]:
        """Every webhook of the repository."""

    def add_hook(self, full_name: str, wish: HookWish) -> Hook: ...

    def mend_hook(self, full_name: str, hook_id: str, wish: HookWish) -> Hook:
        """Make an existing webhook what it should be: address, secret, events, JSON, switched on."""

    def remove_hook(self, full_name: str, hook_id: str) -> None:
        """One that is gone already is removed."""

    def deploy_keys(self, full_name: str) -> list[DeployKey]: ...

    def add_deploy_key(self, full_name: str, title: str, key: str) -> DeployKey:
        """Read-only, always."""

    def set_status(self, full_name: str, commit: str, status: Status) -> None:
        """Setting it again is harmless."""

    def statuses(self, full_name: str, commit: str) -> list[Status]:
        """The newest status of every context of the commit."""

    def as_read(self, state: StatusState) -> StatusState:
        """What `statuses` gives for a state that was set: forges have fewer words than we."""


def same_key(one: str, other: str) -> bool:
    """Whether two lines of `authorized_keys` are one key: forges drop the comment."""
    return one.split()[:2] == other.split()[:2] and len(one.split()) > 1
