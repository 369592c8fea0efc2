"""GitLab's API, of gitlab.com and of one's own server. Shapes as in GitLab's documentation: "REST API resources",
"Project webhooks", "Deploy keys" and "Commits", section on the status of a commit.
"""

from __future__ import annotations

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

WANTS = "the scope `api`, and the role Maintainer in the project"
_PAGE = 100
_MAINTAINER = 40
_STATES: dict[StatusState, str] = {
    "pending": "pending",
    "success": "success",
    "failure": "failed",
    "error": "failed",
    "stopped": "canceled",
    # `skipped` is newer than many servers that people run.
    "skipped": "success",
}
_READ: dict[str, StatusState] = {
    "created": "pending",
    "pending": "pending",
    "running": "pending",
    "success": "success",
    "failed": "failure",
    "canceled": "stopped",
    "skipped": "skipped",
}
_SAID_AS: dict[StatusState, StatusState] = {"error": "failure", "skipped": "success"}


class GitLab:
    """See `webhooks.forges.base.Forge`."""

    name = "GitLab"

    def __init__(self, access: Access, trusted_hosts: Collection[str]) -> None:
        self._access = access
        # A personal, group or project token may stand where one of OAuth does; of all headers with a token only this
        # one is left out where a redirect leads elsewhere.
        headers = {"Authorization": f"Bearer {access.token}"}
        self.api = ForgeAPI(self.name, access.api_url, headers, trusted_hosts=trusted_hosts, wants=WANTS)

    def check(self) -> Account:
        login = text_of(self.api.get("/user"), "username")
        try:
            document = self.api.get("/personal_access_tokens/self")
        except ForgeError as error:
            if error.kind in ("token", "limited", "fault", "unreachable"):
                raise
            return Account(login)  # a server or a kind of token that does not tell
        found = document.get("scopes") if isinstance(document, dict) else None
        scopes = tuple(str(scope) for scope in found) if isinstance(found, list) else ()
        return Account(login, scopes, ("api",) if scopes and "api" not in scopes else ())

    def repositories(self, most: int) -> Iterator[RemoteRepository]:
        return islice(self._repositories(), most)

    def _repositories(self) -> Iterator[RemoteRepository]:
        if self._access.owner:
            path = f"/groups/{_quoted(self._access.owner)}/projects"
            pages = self.api.pages(path, include_subgroups="true", min_access_level=_MAINTAINER, per_page=_PAGE)
        else:
            pages = self.api.pages("/projects", membership="true", min_access_level=_MAINTAINER, per_page=_PAGE)
        for page in pages:
            for row in rows_of(page):
                yield _repository(row)

    def repository(self, full_name: str) -> RemoteRepository:
        return _repository(self.api.get(f"/projects/{_quoted(full_name)}"))

    def hooks(self, full_name: str) -> list[Hook]:
        pages = self.api.pages(f"/projects/{_quoted(full_name)}/hooks", per_page=_PAGE)
        return [_hook(row) for page in pages for row in rows_of(page)]

    def add_hook(self, full_name: str, wish: HookWish) -> Hook:
        return _hook(self.api.post(f"/projects/{_quoted(full_name)}/hooks", _hook_body(wish)))

    def mend_hook(self, full_name: str, hook_id: str, wish: HookWish) -> Hook:
        return _hook(self.api.put(f"/projects/{_quoted(full_name)}/hooks/{in_path(hook_id)}", _hook_body(wish)))

    def remove_hook(self, full_name: str, hook_id: str) -> None:
        self.api.delete(f"/projects/{_quoted(full_name)}/hooks/{in_path(hook_id)}")

    def deploy_keys(self, full_name: str) -> list[DeployKey]:
        pages = self.api.pages(f"/projects/{_quoted(full_name)}/deploy_keys", per_page=_PAGE)
        return [_key(row) for page in pages for row in rows_of(page)]

    def add_deploy_key(self, full_name: str, title: str, key: str) -> DeployKey:
        body = {"title": title, "key": key, "can_push": False}
        return _key(self.api.post(f"/projects/{_quoted(full_name)}/deploy_keys", body))

    def set_status(self, full_name: str, commit: str, status: Status) -> None:
        body = {
            "state": _STATES[status.state],
            "name": status.context,
            "description": status.description,
            "target_url": status.target_url,
        }
        try:
            self.api.post(f"/projects/{_quoted(full_name)}/statuses/{in_path(commit)}", body)
        except ForgeError as error:
            # "Cannot transition status via :enqueue from :pending": GitLab has the state already.
            if error.status != 400 or "transition" not in error.sentence:  # noqa: PLR2004 — HTTP's bad request
                raise
            known = {known.context: known.state for known in self.statuses(full_name, commit)}
            if _STATES.get(known.get(status.context, "pending")) != body["state"]:
                raise

    def statuses(self, full_name: str, commit: str) -> list[Status]:
        """GitLab gives the newest of each name unless it is asked for all."""
        newest: dict[str, Status] = {}
        path = f"/projects/{_quoted(full_name)}/repository/commits/{in_path(commit)}/statuses"
        for page in self.api.pages(path, per_page=_PAGE, order_by="id", sort="desc"):
            for row in rows_of(page):
                status = _status(row)
                newest.setdefault(status.context, status)
        return list(newest.values())

    def as_read(self, state: StatusState) -> StatusState:
        return _SAID_AS.get(state, state)


def _quoted(full_name: str) -> str:
    """A project's path as its id: all of it is one part of the address (`acme%2Fweb`)."""
    in_path(full_name)
    return quote(full_name.strip("/"), safe="")


def _repository(row: dict[str, Any]) -> RemoteRepository:
    allowed = row.get("permissions")
    levels = [
        level["access_level"]
        for name in ("project_access", "group_access")
        if isinstance(allowed, dict)
        and isinstance(level := allowed.get(name), dict)
        and isinstance(level.get("access_level"), int)
    ]
    return RemoteRepository(
        id=text_of(row, "id"),
        full_name=text_of(row, "path_with_namespace"),
        clone_url=text_of(row, "http_url_to_repo"),
        ssh_url=text_of(row, "ssh_url_to_repo"),
        default_branch=text_of(row, "default_branch"),
        is_private=text_of(row, "visibility") != "public",
        may_admin=max(levels) >= _MAINTAINER if levels else None,
    )


def _hook_body(wish: HookWish) -> dict[str, Any]:
    return {
        "url": wish.url,
        "token": wish.secret,
        "push_events": True,
        "push_events_branch_filter": "",
        "tag_push_events": True,
        "merge_requests_events": wish.pull_requests,
        "enable_ssl_verification": True,
    }


def _hook(row: dict[str, Any]) -> Hook:
    events = set()
    if row.get("push_events") is True and row.get("tag_push_events") is True:
        events.add("push")
    if text_of(row, "push_events_branch_filter"):
        events.discard("push")
    if row.get("merge_requests_events") is True:
        events.add("pull_request")
    # GitLab switches a webhook off that fails often: for a while (`disabled_until`), then for good.
    is_active = text_of(row, "alert_status") in ("", "executable")
    return Hook(text_of(row, "id"), text_of(row, "url"), frozenset(events), is_active=is_active)


def _key(row: dict[str, Any]) -> DeployKey:
    return DeployKey(text_of(row, "id"), text_of(row, "title"), text_of(row, "key"), row.get("can_push") is not True)


def _status(row: dict[str, Any]) -> Status:
    return Status(
        context=text_of(row, "name"),
        state=_READ.get(text_of(row, "status"), "error"),
        description=text_of(row, "description"),
        target_url=text_of(row, "target_url"),
    )
