"""GitHub's REST API, of github.com and of GitHub Enterprise Server, with a token or for an installation of an App.

Shapes as in GitHub's OpenAPI description (github/rest-api-description), against which the tests hold every request.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any

from webhooks.forges.api import ForgeAPI, in_path, rows_of, text_of
from webhooks.forges.base import (
    Access,
    Account,
    DeployKey,
    Hook,
    HookWish,
    RemoteRepository,
    Status,
    StatusState,
)

WANTS = "the scopes `repo` and `admin:repo_hook`, or write access to webhooks, commit statuses and administration"
_VERSION = "2022-11-28"
_STATES: dict[StatusState, str] = {
    "pending": "pending",
    "success": "success",
    "failure": "failure",
    "error": "error",
    # GitHub has no word for these: no image is no success, and nothing to build is one.
    "stopped": "error",
    "skipped": "success",
}
_PAGE = 100
_SAID_AS: dict[StatusState, StatusState] = {"stopped": "error", "skipped": "success"}


class GitHub:
    """See `webhooks.forges.base.Forge`."""

    name = "GitHub"

    def __init__(self, access: Access, trusted_hosts: Collection[str]) -> None:
        self._access = access
        headers = {
            "Authorization": f"Bearer {access.token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": _VERSION,
        }
        self.api = ForgeAPI(self.name, access.api_url, headers, trusted_hosts=trusted_hosts, wants=WANTS)

    def check(self) -> Account:
        """Classic tokens tell their scopes in a header; fine-grained ones and Apps do not."""
        if self._access.is_app:
            document = self.api.get("/installation/repositories", per_page=1)
            return Account(f"GitHub App, {document.get('total_count', 0)} repositories")
        answer = self.api.ask("GET", "/user")
        login = text_of(self.api.read(answer), "login")
        if "x-oauth-scopes" not in answer.headers:
            return Account(login)
        scopes = tuple(scope for part in answer.headers["x-oauth-scopes"].split(",") if (scope := part.strip()))
        return Account(login, scopes, _missing(scopes))

    def repositories(self, most: int) -> Iterator[RemoteRepository]:
        return islice(self._repositories(), most)

    def _repositories(self) -> Iterator[RemoteRepository]:
        if self._access.is_app:
            pages = self.api.pages("/installation/repositories", per_page=_PAGE)
        else:
            pages = self.api.pages("/user/repos", per_page=_PAGE, sort="full_name")
        for page in pages:
            for row in rows_of(page, "repositories" if self._access.is_app else ""):
                if not self._access.owner or text_of(row, "owner", "login").lower() == self._access.owner.lower():
                    yield self._repository(row)

    def repository(self, full_name: str) -> RemoteRepository:
        return self._repository(self.api.get(f"/repos/{in_path(full_name)}"))

    def _repository(self, row: dict[str, Any]) -> RemoteRepository:
        allowed = row.get("permissions")
        return RemoteRepository(
            id=text_of(row, "id"),
            full_name=text_of(row, "full_name"),
            clone_url=text_of(row, "clone_url"),
            ssh_url=text_of(row, "ssh_url"),
            default_branch=text_of(row, "default_branch"),
            is_private=row.get("private") is True,
            # An App has permissions of its own, which the repository does not tell.
            may_admin=None if self._access.is_app or not isinstance(allowed, dict) else allowed.get("admin") is True,
        )

    def hooks(self, full_name: str) -> list[Hook]:
        pages = self.api.pages(f"/repos/{in_path(full_name)}/hooks", per_page=_PAGE)
        return [_hook(row) for page in pages for row in rows_of(page)]

    def add_hook(self, full_name: str, wish: HookWish) -> Hook:
        body = {"name": "web", **_hook_body(wish)}
        return _hook(self.api.post(f"/repos/{in_path(full_name)}/hooks", body))

    def mend_hook(self, full_name: str, hook_id: str, wish: HookWish) -> Hook:
        path = f"/repos/{in_path(full_name)}/hooks/{in_path(hook_id)}"
        mended = _hook(self.api.patch(path, _hook_body(wish)))
        # GitHub pings a new webhook by itself; this one shows at once, here and there, whether it works now.
        self.api.ask("POST", f"{path}/pings")
        return mended

    def remove_hook(self, full_name: str, hook_id: str) -> None:
        self.api.delete(f"/repos/{in_path(full_name)}/hooks/{in_path(hook_id)}")

    def deploy_keys(self, full_name: str) -> list[DeployKey]:
        pages = self.api.pages(f"/repos/{in_path(full_name)}/keys", per_page=_PAGE)
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
        """GitHub lists every status that ever was, newest first."""
        newest: dict[str, Status] = {}
        pages = self.api.pages(f"/repos/{in_path(full_name)}/commits/{in_path(commit)}/statuses", per_page=_PAGE)
        for page in pages:
            for row in rows_of(page):
                status = _status(row)
                newest.setdefault(status.context.lower(), status)
        return list(newest.values())

    def as_read(self, state: StatusState) -> StatusState:
        return _SAID_AS.get(state, state)


def _missing(scopes: tuple[str, ...]) -> tuple[str, ...]:
    missing = [] if "repo" in scopes else ["repo"]
    if not {"admin:repo_hook", "write:repo_hook"} & set(scopes):
        missing.append("admin:repo_hook")
    return tuple(missing)


def _hook_body(wish: HookWish) -> dict[str, Any]:
    return {
        "active": True,
        "events": sorted(wish.events),
        "config": {"url": wish.url, "content_type": "json", "secret": wish.secret, "insecure_ssl": "0"},
    }


def _hook(row: dict[str, Any]) -> Hook:
    events = row.get("events")
    names = {str(event) for event in events} if isinstance(events, list) else set()
    last = row.get("last_response")
    code = last.get("code") if isinstance(last, dict) else None
    return Hook(
        id=text_of(row, "id"),
        url=text_of(row, "config", "url"),
        events=frozenset({"push", "pull_request"} if "*" in names else names),
        is_active=row.get("active") is True,
        is_json=text_of(row, "config", "content_type") == "json",
        last_status=code if isinstance(code, int) else None,
    )


def _key(row: dict[str, Any]) -> DeployKey:
    return DeployKey(text_of(row, "id"), text_of(row, "title"), text_of(row, "key"), row.get("read_only") is True)


def _status(row: dict[str, Any]) -> Status:
    state = text_of(row, "state")
    return Status(
        context=text_of(row, "context"),
        state=state if state in ("pending", "success", "failure") else "error",  # type: ignore[arg-type]
        description=text_of(row, "description"),
        target_url=text_of(row, "target_url"),
    )
