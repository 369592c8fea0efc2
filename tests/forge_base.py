"""A forge as tests meet it: a small HTTP server that records what it is asked. What each forge answers is not here."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.http_server import QuietHandler, QuietServer, served

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


class Forge(ABC):
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

    @abstractmethod
    def answer(self, asked: Asked) -> Reply:
        """What this forge says to a request that it lets in."""

    def keep(self, rows: dict[str, dict[str, Any]], row: dict[str, Any]) -> dict[str, Any]:
        number = str(row.get("id") or 7_000 + len(rows))
        rows[number] = {**row, "id": int(number)}
        return rows[number]


@contextmanager
def serving(forge: Forge) -> Iterator[Forge]:
    """Serve a forge on a free port of this machine for as long as the block."""

    class Handler(QuietHandler):
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

    with served(QuietServer(("127.0.0.1", 0), Handler)) as server:
        forge.url = f"http://127.0.0.1:{server.server_port}"
        yield forge
