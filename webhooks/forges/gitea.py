"""Gitea's API, which Forgejo shares. Shapes as in the Swagger documents that both publish (`/api/swagger`)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any

from webhooks.forges.api import ForgeAPI, in_path, rows_of, text_of
from webhooks.forges.base import Access, Account, DeployKey, Hook, HookWish, RemoteRepository, Status, StatusState

WANTS = "the permission to read and write repositories (`write:repository`), and to read its user (`read:user`)"
# The forge may give fewer than it is asked for; its own limit is 50 unless its administrator says otherwise.
_PAGE = 50
_STATES: dict[StatusState, str] = {
    "pending": "pending",
    "success": "success",
    "failure": "failure",
    "error": "error",
    "stopped": "error",
    "skipped": "success",
}
# A new commit in a pull request is an event of its own, and `pull_request` alone would leave it out.
_PULL_REQUESTS = ("pull_request", "pull_request_sync")
_SAID_AS: dict[StatusState, StatusState] = {"stopped": "error", "skipped": "success"}


class Gitea:
    """See `webhooks.forges.base.Forge`."""

    name = "Gitea"

    def __init__(self, access: Access, trusted_hosts: Collection[str]) -> None:
        self._access = access
        headers = {"Authorization": f"token {access.token}"}
        self.api = ForgeAPI(self.name, access.api_url, headers, trusted_hosts=trusted_hosts, wants=WANTS)

    def check(self) -> Account:
        """The scopes of a token are told to nobody; a page of repositories is asked for, since it needs the other."""
        login = text_of(self.api.get("/user"), "login")
        self.api.get("/user/repos", limit=1)
        return Account(login)

    def repositories(self, most: int) -> Iterator[RemoteRepository]:
        return islice(self._repositories(), most)

    def _repositories(self) -> Iterator[RemoteRepository]:
        for page in self.api.pages("/user/repos", limit=_PAGE):
            for row in rows_of(page):
                if not self._access.owner or text_of(row, "owner", "login").lower() == self._access.owner.lower():
                    yield _repository(row)

    def repository(self, full_name: str) -> RemoteRepository:
        return _repository(self.api.get(f"/repos/{in_path(full_name)}"))

    def hooks(self, full_name: str) -> list[Hook]:
        pages = self.api.pages(f"/repos/{in_path(full_name)}/hooks", limit=_PAGE)
        return [_hook(row) for page in pages for row in rows_of(page)]

    def add_hook(self, full_name: str, wish: HookWish) -> Hook:
        body = {"type": "gitea", **_hook_body(wish)}
        return _hook(self.api.post(f"/repos/{in_path(full_name)}/hooks", body))

    def mend_hook(self, full_name: str, hook_id: str, wish: HookWish) -> Hook:
        return _hook(self.api.patch(f"/repos/{in_path(full_name)}/hooks/{in_path(hook_id)}", _hook_body(wish)))

    def remove_hook(self, full_name: str, hook_id: str) -> None:
        self.api.delete(f"/repos/{in_path(full_name)}/hooks/{in_path(hook_id)}")

    def deploy_keys(self, full_name: str) -> list[DeployKey]:
        pages = self.api.pages(f"/repos/{in_path(full_name)}/keys", limit=_PAGE)
        return [_key(row) for page in pages for row in rows_of(page)]

    def add_deploy_key(self, full_name: str, title: str, key: str) -> DeployKey:
        body = {"title": title, "key": key, "read_only": True}
        return _key(self.api.post(f"/repos/{in_path(full_name)}/keys", body))

    def set_status(self, full_name: str, commit: str, status: Status) -> None:
        body = {
            "state": _STATES[status.state],
            "context": status.context,
            "description": status.description,
            "target_url": status.target_url,
        }
        self.api.post(f"/repos/{in_path(full_name)}/statuses/{in_path(commit)}", body)

    def statuses(self, full_name: str, commit: str) -> list[Status]:
        newest: dict[str, Status] = {}
        path = f"/repos/{in_path(full_name)}/commits/{in_path(commit)}/statuses"
        for page in self.api.pages(path, limit=_PAGE, sort="recentupdate"):
            for row in rows_of(page):
                status = _status(row)
                newest.setdefault(status.context, status)
        return list(newest.values())

    def as_read(self, state: StatusState) -> StatusState:
        return _SAID_AS.get(state, state)


def _repository(row: dict[str, Any]) -> RemoteRepository:
    allowed = row.get("permissions")
    return RemoteRepository(
        id=text_of(row, "id"),
        full_name=text_of(row, "full_name"),
        clone_url=text_of(row, "clone_url"),
        ssh_url=text_of(row, "ssh_url"),
        default_branch=text_of(row, "default_branch"),
        is_private=row.get("private") is True,
        may_admin=allowed.get("admin") is True if isinstance(allowed, dict) else None,
    )


def _hook_body(wish: HookWish) -> dict[str, Any]:
    events = ["push", *(_PULL_REQUESTS if wish.pull_requests else ())]
    return {
        "active": True,
        "branch_filter": "*",
        "events": events,
        "config": {"url": wish.url, "content_type": "json", "secret": wish.secret},
    }


def _hook(row: dict[str, Any]) -> Hook:
    events = row.get("events")
    names = {str(event) for event in events} if isinstance(events, list) else set()
    ours = {name for name in ("push", "pull_request") if name in names}
    if not names.issuperset(_PULL_REQUESTS):
        ours.discard("pull_request")
    return Hook(
        id=text_of(row, "id"),
        url=text_of(row, "config", "url"),
        # A filter on branches keeps pushes from us.
        events=frozenset(ours if text_of(row, "branch_filter") in ("", "*") else ours - {"push"}),
        is_active=row.get("active") is True,
        is_json=text_of(row, "config", "content_type") == "json",
    )


def _key(row: dict[str, Any]) -> DeployKey:
    return DeployKey(text_of(row, "id"), text_of(row, "title"), text_of(row, "key"), row.get("read_only") is True)


def _status(row: dict[str, Any]) -> Status:
    """The forge takes `state` and gives it as `status`."""
    state = text_of(row, "status")
    return Status(
        context=text_of(row, "context"),
        state=state if state in ("pending", "success", "failure") else "error",  # type: ignore[arg-type]
        description=text_of(row, "description"),
        target_url=text_of(row, "target_url"),
    )
