"""Gitea, GitLab and Bitbucket Cloud for tests, written by hand after the published documentation of their APIs."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any
from urllib.parse import unquote

from tests.forge_base import TOKEN, Asked, Forge, Reply


class _Plain(Forge):
    """A forge whose resources lie below one path for each repository."""

    @abstractmethod
    def repository(self) -> dict[str, Any]:
        """The repository as this forge describes it."""

    @abstractmethod
    def base(self) -> str:
        """The path below which all of the repository lies."""

    @abstractmethod
    def route(self, method: str, rest: str, asked: Asked) -> Reply:
        """The answer for what follows the base."""

    def answer(self, asked: Asked) -> Reply:
        if asked.path.startswith(self.base()):
            return self.route(asked.method, asked.path[len(self.base()) :], asked)
        return self.elsewhere(asked)

    def elsewhere(self, _asked: Asked) -> Reply:
        return Reply(404, {"message": "404 Not Found"})

    def rows(self, rows: dict[str, dict[str, Any]], method: str, rest: str, body: Any) -> Reply:
        """A collection: listed, added to, changed and removed from."""
        if not rest:
            if method == "POST":
                return Reply(201, self.keep(rows, dict(body)))
            return Reply(200, self.listed(list(rows.values())))
        row = rows.get(unquote(rest).strip("/"))
        if row is None:
            return Reply(404, {"message": "404 Not found"})
        if method == "DELETE":
            del rows[unquote(rest).strip("/")]
            return Reply(204)
        row.update(body)
        return Reply(200, row)

    def listed(self, rows: list[Any]) -> Any:
        return rows

    def set_status(self, commit: str, body: Any) -> Reply:
        self.posted.append({**body, "sha": commit})
        return Reply(201, body)

    def newest(self, commit: str) -> list[dict[str, Any]]:
        rows = [row for row in reversed(self.posted) if row["sha"] == commit]
        return [{**row, "status": row["state"]} for row in rows]


class GiteaServer(_Plain):
    kind, prefix = "gitea", "/api/v1"

    def _lets_in(self, asked: Asked) -> bool:
        return asked.headers.get("authorization") == f"token {TOKEN}"

    def base(self) -> str:
        return f"/api/v1/repos/{self.full_name}"

    def repository(self) -> dict[str, Any]:
        return {
            "id": 42,
            "full_name": self.full_name,
            "clone_url": f"{self.url}/{self.full_name}.git",
            "ssh_url": f"git@forge.test:{self.full_name}.git",
            "default_branch": "main",
            "private": True,
            "owner": {"login": "acme"},
            "permissions": {"admin": True, "push": True, "pull": True},
        }

    def route(self, method: str, rest: str, asked: Asked) -> Reply:
        if not rest:
            return Reply(200, self.repository())
        if rest.startswith("/hooks"):
            return self.rows(self.hooks, method, rest.removeprefix("/hooks"), asked.body)
        if rest.startswith("/keys"):
            return self.rows(self.keys, method, rest.removeprefix("/keys"), asked.body)
        if rest.startswith("/statuses/"):
            return self.set_status(rest.removeprefix("/statuses/"), asked.body)
        return Reply(200, self.newest(rest.split("/")[2]))

    def elsewhere(self, asked: Asked) -> Reply:
        if asked.path == "/api/v1/user":
            return Reply(200, {"id": 1, "login": "robot"})
        if asked.path == "/api/v1/user/repos":
            return Reply(200, [self.repository()])
        return super().elsewhere(asked)


class GitLabServer(_Plain):
    kind, prefix = "gitlab", "/api/v4"

    def base(self) -> str:
        return f"/api/v4/projects/{self.full_name.replace('/', '%2F')}"

    def repository(self) -> dict[str, Any]:
        return {
            "id": 42,
            "path_with_namespace": self.full_name,
            "http_url_to_repo": f"{self.url}/{self.full_name}.git",
            "ssh_url_to_repo": f"git@forge.test:{self.full_name}.git",
            "default_branch": "main",
            "visibility": "private",
            "permissions": {"project_access": None, "group_access": {"access_level": 40}},
        }

    def route(self, method: str, rest: str, asked: Asked) -> Reply:
        if not rest:
            return Reply(200, self.repository())
        if rest.startswith("/hooks"):
            if method == "PUT":  # one that is saved is switched on again
                self.hooks.get(rest.removeprefix("/hooks/"), {}).pop("alert_status", None)
            return self.rows(self.hooks, method, rest.removeprefix("/hooks"), asked.body)
        if rest.startswith("/deploy_keys"):
            return self.rows(self.keys, method, rest.removeprefix("/deploy_keys"), asked.body)
        if rest.startswith("/statuses/"):
            return self.set_status(rest.removeprefix("/statuses/"), asked.body)
        return Reply(200, self.newest(rest.split("/")[3]))

    def set_status(self, commit: str, body: Any) -> Reply:
        known = next((row for row in self.newest(commit) if row["name"] == body["name"]), None)
        if known and known["state"] == body["state"]:
            return Reply(400, {"message": "Cannot transition status via :run from :running (Reason(s): ...)"})
        return super().set_status(commit, body)

    def elsewhere(self, asked: Asked) -> Reply:
        if asked.path == "/api/v4/user":
            return Reply(200, {"id": 1, "username": "robot"})
        if asked.path == "/api/v4/personal_access_tokens/self":
            return Reply(200, {"id": 1, "scopes": ["api"], "active": True})
        if asked.path == "/api/v4/projects":
            return Reply(200, [self.repository()])
        return super().elsewhere(asked)


class BitbucketServer(_Plain):
    kind, prefix = "bitbucket", "/2.0"

    def base(self) -> str:
        return f"/2.0/repositories/{self.full_name}"

    def repository(self) -> dict[str, Any]:
        https = f"{self.url.replace('://', '://alice@')}/{self.full_name}.git"
        clones = [
            {"name": "https", "href": https},
            {"name": "ssh", "href": f"git@forge.test:{self.full_name}.git"},
        ]
        return {
            "uuid": "{42}",
            "full_name": self.full_name,
            "links": {"clone": clones},
            "mainbranch": {"name": "main"},
            "is_private": True,
        }

    def listed(self, rows: list[Any]) -> Any:
        return {"pagelen": 100, "values": rows}

    def keep(self, rows: dict[str, dict[str, Any]], row: dict[str, Any]) -> dict[str, Any]:
        uuid = f"{{{7_000 + len(rows)}}}"
        rows[uuid] = {**row, "uuid": uuid, "id": 7_000 + len(rows)}
        return rows[uuid]

    def route(self, method: str, rest: str, asked: Asked) -> Reply:
        if not rest:
            return Reply(200, self.repository())
        if rest.startswith("/hooks"):
            return self.rows(self.hooks, method, rest.removeprefix("/hooks"), asked.body)
        if rest.startswith("/deploy-keys"):
            return self.rows(self.keys, method, rest.removeprefix("/deploy-keys"), asked.body)
        commit = rest.split("/")[2]
        if method == "POST":
            if len(asked.body["key"]) > 40:
                return Reply(400, {"type": "error", "error": {"message": "key is too long"}})
            return self.set_status(commit, asked.body)
        by_key = {row["key"]: row for row in reversed(self.newest(commit))}
        return Reply(200, self.listed(list(by_key.values())))

    def elsewhere(self, asked: Asked) -> Reply:
        if asked.path == f"/2.0/repositories/{self.full_name.partition('/')[0]}":
            return Reply(200, self.listed([self.repository()]), {"X-OAuth-Scopes": "repository:admin, webhook"})
        return super().elsewhere(asked)
