"""Forges as tests meet them: one small HTTP server each, which keeps hooks, keys and statuses as the real one would.

GitHub's answers are the examples of its published description, and every request is held against that. The others are
written by hand after the published documentation of their APIs.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests import github_api

TOKEN = "secret-token-of-the-forge"
COMMIT = "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678"


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Reply:
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


Trouble = Callable[[Asked], Reply | None]


class Forge:
    """What all have: what was asked, the trouble that comes first, and rows of hooks, keys and statuses."""

    kind = ""
    prefix = ""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.problems: list[str] = []
        self.trouble: Trouble | None = None
        self.full_name = "acme/web"
        self.hooks: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, dict[str, Any]] = {}
        self.posted: list[dict[str, Any]] = []
        self.url = ""

    @property
    def api_url(self) -> str:
        return self.url + self.prefix

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    def fails(self, status: int, body: Any = None, **headers: str) -> None:
        """Answer everything like this from now on."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        self.trouble = lambda _asked: Reply(status, body if body is not None else {"message": "no"}, sent)

    def heals(self) -> None:
        self.trouble = None

    def states(self, context: str) -> list[str]:
        """The states that were posted for a context, in their order."""
        return [str(row["state"]) for row in self.posted if self._context(row) == context]

    def _context(self, row: dict[str, Any]) -> str:
        return str(row.get("context") or row.get("name"))

    def reply(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        if self.trouble is not None and (found := self.trouble(asked)) is not None:
            return found
        if not self._lets_in(asked):
            return Reply(401, {"message": "Bad credentials"})
        return self.answer(asked)

    def _lets_in(self, asked: Asked) -> bool:
        return asked.headers.get("authorization") == f"Bearer {TOKEN}"

    def answer(self, asked: Asked) -> Reply:
        raise NotImplementedError

    def keep(self, rows: dict[str, dict[str, Any]], row: dict[str, Any]) -> dict[str, Any]:
        number = str(row.get("id") or 7_000 + len(rows))
        rows[number] = {**row, "id": int(number)}
        return rows[number]


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


class _Plain(Forge):
    """A forge whose resources lie below one path for each repository."""

    def repository(self) -> dict[str, Any]:
        raise NotImplementedError

    def base(self) -> str:
        raise NotImplementedError

    def route(self, method: str, rest: str, asked: Asked) -> Reply:
        raise NotImplementedError

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


SERVERS: dict[str, type[Forge]] = {
    server.kind: server for server in (GitHubServer, GitLabServer, GiteaServer, BitbucketServer)
}


@contextmanager
def serving(forge: Forge) -> Iterator[Forge]:
    """Serve a forge on a free port of this machine for as long as the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length)
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers, json.loads(raw or b"null"))
            try:
                reply = forge.reply(asked)
            except Exception as error:  # noqa: BLE001 — told to the test, and to the client as the forge's fault
                forge.problems.append(f"{type(error).__name__}: {error}")
                reply = Reply(500, {"message": "the stand-in failed"})
            body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            body = b"" if reply.body is None else body
            self.send_response_only(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do  # noqa: N815 — the server's names

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    forge.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield forge
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
