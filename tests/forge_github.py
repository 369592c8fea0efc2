"""GitHub for tests: it answers with the examples of its published description, and holds each request against that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests import github_api
from tests.forge_base import TOKEN, Asked, Forge, Reply


class GitHubServer(Forge):
    kind = "github"

    def __init__(self, edition: str = "api.github.com", prefix: str = "") -> None:
        super().__init__()
        self.edition, self.prefix = edition, prefix
        self.pinged: list[str] = []
        self.headers: dict[str, str] = {"X-OAuth-Scopes": "repo, admin:repo_hook"}

    def answer(self, asked: Asked) -> Reply:
        operation = github_api.find(self.edition, asked.method, asked.path.removeprefix(self.prefix))
        found = github_api.problems(operation, asked.query, asked.body)
        if isinstance(asked.body, dict) and asked.body:
            found += sorted(github_api.unknown_fields(operation, asked.body))
        if asked.headers.get("accept") != "application/vnd.github+json":
            found.append("no Accept header")
        if found:
            self.problems += found
            return Reply(422, {"message": "Validation Failed", "errors": found})
        name = f"{operation.method} {operation.template}"
        if "{owner}" in name and f"{operation.given['owner']}/{operation.given['repo']}" != self.full_name:
            return Reply(404, {"message": "Not Found"})
        return self._answers[name](self, operation, asked)

    def _user(self, operation: github_api.Operation, _asked: Asked) -> Reply:
        return Reply(200, operation.example(200), self.headers)

    def _repositories(self, operation: github_api.Operation, asked: Asked) -> Reply:
        page = int(asked.query.get("page", "1"))
        row = operation.example(200)[0]
        rows = [{**row, "id": 10 * page + n, "full_name": f"acme/{page}-{n}"} for n in range(2)]
        following = f"{self.url}{asked.path}?per_page=100&page={page + 1}"
        return Reply(200, rows, {"Link": f'<{following}>; rel="next", <{self.url}>; rel="last"'} if page < 3 else {})

    def _installation(self, operation: github_api.Operation, _asked: Asked) -> Reply:
        return Reply(200, operation.example(200))

    def _repository(self, operation: github_api.Operation, _asked: Asked) -> Reply:
        urls = {"clone_url": f"{self.url}/{self.full_name}.git", "ssh_url": f"git@forge.test:{self.full_name}.git"}
        example = operation.example(200)
        allowed = {"permissions": {"admin": True, "push": True, "pull": True}}
        return Reply(200, {**example, "id": 42, "full_name": self.full_name, **urls, **allowed})

    def _hooks(self, _operation: github_api.Operation, _asked: Asked) -> Reply:
        return Reply(200, [_without_secret(hook) for hook in self.hooks.values()])

    def _add_hook(self, operation: github_api.Operation, asked: Asked) -> Reply:
        if any(hook["config"]["url"] == asked.body["config"]["url"] for hook in self.hooks.values()):
            return Reply(422, {"message": "Validation Failed", "errors": [{"message": "Hook already exists"}]})
        hook = self.keep(self.hooks, {**operation.example(201), **asked.body, "id": None})
        return Reply(201, _without_secret(hook))

    def _mend_hook(self, operation: github_api.Operation, asked: Asked) -> Reply:
        hook = self.hooks.get(operation.given["hook_id"])
        if hook is None:
            return Reply(404, {"message": "Not Found"})
        hook.update(asked.body)
        return Reply(200, _without_secret(hook))

    def _remove_hook(self, operation: github_api.Operation, _asked: Asked) -> Reply:
        gone = self.hooks.pop(operation.given["hook_id"], None)
        return Reply(204) if gone else Reply(404, {"message": "Not Found"})

    def _ping(self, operation: github_api.Operation, _asked: Asked) -> Reply:
        self.pinged.append(operation.given["hook_id"])
        return Reply(204)

    def _keys(self, _operation: github_api.Operation, _asked: Asked) -> Reply:
        return Reply(200, list(self.keys.values()))

    def _add_key(self, operation: github_api.Operation, asked: Asked) -> Reply:
        bare = " ".join(asked.body["key"].split()[:2])
        return Reply(201, self.keep(self.keys, {**operation.example(201), **asked.body, "key": bare, "id": None}))

    def _set_status(self, operation: github_api.Operation, asked: Asked) -> Reply:
        self.posted.append({**asked.body, "sha": operation.given["sha"]})
        return Reply(201, {**operation.example(201), **asked.body})

    def _statuses(self, operation: github_api.Operation, _asked: Asked) -> Reply:
        example = operation.example(200)[0]
        return Reply(200, [{**example, **row} for row in reversed(self.posted) if row["sha"] == operation.given["ref"]])

    def _app_token(self, _operation: github_api.Operation, _asked: Asked) -> Reply:
        return Reply(201, {"token": TOKEN, "expires_at": "2026-07-11T22:14:10Z", "permissions": {}})

    _answers: dict[str, Callable[..., Reply]] = {
        "get /user": _user,
        "get /user/repos": _repositories,
        "get /installation/repositories": _installation,
        "get /repos/{owner}/{repo}": _repository,
        "get /repos/{owner}/{repo}/hooks": _hooks,
        "post /repos/{owner}/{repo}/hooks": _add_hook,
        "patch /repos/{owner}/{repo}/hooks/{hook_id}": _mend_hook,
        "delete /repos/{owner}/{repo}/hooks/{hook_id}": _remove_hook,
        "post /repos/{owner}/{repo}/hooks/{hook_id}/pings": _ping,
        "get /repos/{owner}/{repo}/keys": _keys,
        "post /repos/{owner}/{repo}/keys": _add_key,
        "post /repos/{owner}/{repo}/statuses/{sha}": _set_status,
        "get /repos/{owner}/{repo}/commits/{ref}/statuses": _statuses,
        "post /app/installations/{installation_id}/access_tokens": _app_token,
    }

    def _lets_in(self, asked: Asked) -> bool:
        # An App shows its JWT, three parts with dots, for a token.
        is_app = asked.path.startswith("/app/") and asked.headers.get("authorization", "").count(".") == 2
        return is_app or super()._lets_in(asked)


def _without_secret(hook: dict[str, Any]) -> dict[str, Any]:
    """GitHub never gives a secret back."""
    config = {**hook["config"], **({"secret": "********"} if "secret" in hook["config"] else {})}
    return {**hook, "config": config}
