"""Bitbucket Cloud's API 2.0. Shapes as in Atlassian's "The Bitbucket Cloud REST API"; Data Center has another one."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any
from urllib.parse import quote

from webhooks.forges.api import ForgeAPI, in_path, rows_of, text_of
from webhooks.forges.base import (
    Access,
    Account,
    DeployKey,
    ForgeError,
    Hook,
    HookWish,
    RemoteRepository,
    Status,
    StatusState,
)

WANTS = "the scopes `repository:admin`, `repository:write` and `webhook`"
_PAGE = 100
_PUSH = ("repo:push",)
_PULL_REQUESTS = ("pullrequest:created", "pullrequest:updated", "pullrequest:fulfilled", "pullrequest:rejected")
_STATES: dict[StatusState, str] = {
    "pending": "INPROGRESS",
    "success": "SUCCESSFUL",
    "failure": "FAILED",
    "error": "FAILED",
    "stopped": "STOPPED",
    "skipped": "SUCCESSFUL",
}
_READ: dict[str, StatusState] = {
    "INPROGRESS": "pending",
    "SUCCESSFUL": "success",
    "FAILED": "failure",
    "STOPPED": "stopped",
}
_SAID_AS: dict[StatusState, StatusState] = {"error": "failure", "skipped": "success"}


class Bitbucket:
    """See `webhooks.forges.base.Forge`."""

    name = "Bitbucket"

    def __init__(self, access: Access, trusted_hosts: Collection[str]) -> None:
        self._access = access
        # A person's API token goes with the address of the account; a repository's or workspace's token alone.
        pair = base64.b64encode(f"{access.username}:{access.token}".encode()).decode()
        headers = {"Authorization": f"Basic {pair}" if access.username else f"Bearer {access.token}"}
        self.api = ForgeAPI(self.name, access.api_url, headers, trusted_hosts=trusted_hosts, wants=WANTS)

    def check(self) -> Account:
        """A repository's or workspace's token is nobody's, so a page of the workspace's repositories is asked for."""
        if not self._access.owner:
            sentence = "Say which workspace the connection is for: Bitbucket lists repositories by workspace alone."
            raise ForgeError("refused", sentence)
        answer = self.api.ask("GET", f"/repositories/{in_path(self._access.owner)}", params={"pagelen": 1})
        told = answer.headers.get("x-oauth-scopes", "")
        scopes = tuple(scope for part in told.split(",") if (scope := part.strip()))
        return Account(f"workspace {self._access.owner}", scopes, _missing(scopes) if scopes else ())

    def repositories(self, most: int) -> Iterator[RemoteRepository]:
        return islice(self._repositories(), most)

    def _repositories(self) -> Iterator[RemoteRepository]:
        pages = self.api.pages(f"/repositories/{in_path(self._access.owner)}", pagelen=_PAGE, sort="full_name")
        for page in pages:
            for row in rows_of(page, "values"):
                yield _repository(row)

    def repository(self, full_name: str) -> RemoteRepository:
        return _repository(self.api.get(f"/repositories/{in_path(full_name)}"))

    def hooks(self, full_name: str) -> list[Hook]:
        pages = self.api.pages(f"/repositories/{in_path(full_name)}/hooks", pagelen=_PAGE)
        return [_hook(row) for page in pages for row in rows_of(page, "values")]

    def add_hook(self, full_name: str, wish: HookWish) -> Hook:
        return _hook(self.api.post(f"/repositories/{in_path(full_name)}/hooks", _hook_body(wish)))

    def mend_hook(self, full_name: str, hook_id: str, wish: HookWish) -> Hook:
        return _hook(self.api.put(f"/repositories/{in_path(full_name)}/hooks/{_uid(hook_id)}", _hook_body(wish)))

    def remove_hook(self, full_name: str, hook_id: str) -> None:
        self.api.delete(f"/repositories/{in_path(full_name)}/hooks/{_uid(hook_id)}")

    def deploy_keys(self, full_name: str) -> list[DeployKey]:
        pages = self.api.pages(f"/repositories/{in_path(full_name)}/deploy-keys", pagelen=_PAGE)
        return [_key(row) for page in pages for row in rows_of(page, "values")]

    def add_deploy_key(self, full_name: str, title: str, key: str) -> DeployKey:
        """Keys of a repository only ever read."""
        return _key(self.api.post(f"/repositories/{in_path(full_name)}/deploy-keys", {"label": title, "key": key}))

    def set_status(self, full_name: str, commit: str, status: Status) -> None:
        body = {
            "key": status_key(status.context),
            "state": _STATES[status.state],
            "name": status.context,
            "description": status.description,
            "url": status.target_url,
        }
        self.api.post(f"/repositories/{in_path(full_name)}/commit/{in_path(commit)}/statuses/build", body)

    def statuses(self, full_name: str, commit: str) -> list[Status]:
        path = f"/repositories/{in_path(full_name)}/commit/{in_path(commit)}/statuses"
        pages = self.api.pages(path, pagelen=_PAGE)
        return [_status(row) for page in pages for row in rows_of(page, "values")]

    def as_read(self, state: StatusState) -> StatusState:
        return _SAID_AS.get(state, state)


def status_key(context: str) -> str:
    """What tells one status from another at Bitbucket, which takes 40 characters; people read the name."""
    return f"imageyard-{hashlib.sha256(context.encode()).hexdigest()[:30]}"


def _missing(scopes: tuple[str, ...]) -> tuple[str, ...]:
    held = set(scopes)
    admin = {"repository:admin", "admin:repository:bitbucket"} & held
    write = {"repository:write", "write:repository:bitbucket"} & held
    hook = {"webhook", "write:webhook:bitbucket"} & held
    wanted = ((admin, "repository:admin"), (write, "repository:write"), (hook, "webhook"))
    return tuple(name for is_there, name in wanted if not is_there)


def _uid(hook_id: str) -> str:
    """`{…}`, with its braces quoted."""
    return quote(hook_id, safe="")


def _repository(row: dict[str, Any]) -> RemoteRepository:
    links = row.get("links")
    clones = {text_of(link, "name"): text_of(link, "href") for link in rows_of(links, "clone")}
    # The address names the user who asks: `https://alice@bitbucket.org/acme/web.git`.
    scheme, _, rest = clones.get("https", "").partition("://")
    return RemoteRepository(
        id=text_of(row, "uuid"),
        full_name=text_of(row, "full_name"),
        clone_url=f"{scheme}://{rest.rpartition('@')[2]}" if rest else "",
        ssh_url=clones.get("ssh", ""),
        default_branch=text_of(row, "mainbranch", "name"),
        is_private=row.get("is_private") is True,
    )


def _hook_body(wish: HookWish) -> dict[str, Any]:
    return {
        "description": "Imageyard",
        "url": wish.url,
        "active": True,
        "secret": wish.secret,
        "events": [*_PUSH, *(_PULL_REQUESTS if wish.pull_requests else ())],
    }


def _hook(row: dict[str, Any]) -> Hook:
    found = row.get("events")
    names = {str(event) for event in found} if isinstance(found, list) else set()
    events = {"push"} if names.issuperset(_PUSH) else set()
    if names.issuperset(_PULL_REQUESTS):
        events.add("pull_request")
    return Hook(text_of(row, "uuid"), text_of(row, "url"), frozenset(events), is_active=row.get("active") is True)


def _key(row: dict[str, Any]) -> DeployKey:
    return DeployKey(text_of(row, "id"), text_of(row, "label"), text_of(row, "key"))


def _status(row: dict[str, Any]) -> Status:
    """Another system's status has no name but its key."""
    return Status(
        context=text_of(row, "name") or text_of(row, "key"),
        state=_READ.get(text_of(row, "state"), "error"),
        description=text_of(row, "description"),
        target_url=text_of(row, "url"),
    )
