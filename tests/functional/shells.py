"""A person at a page with a terminal: logs in, opens a shell, types, and reads what comes. Not a test."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.yard import PLAIN, Yard

PASSWORD = "correct horse battery staple"
# As Django keeps it; a command that has it make this takes as long as a start of web.
HASHED = "pbkdf2_sha256$1000000$XcGW4FE0NRTU5ngbG8cdXg$lrmSpO0JkKx2z2/yEQ0Lh0PCckiCAyy8nygg5XdOXpU="
PEOPLE = ("admin", "ann", "ben", "cleo")
_KNOW_PEOPLE: set[str] = set()  # the yards where they have the password


def _give_password(yard: Yard) -> None:
    """Let `PEOPLE` be superusers who log in with the password: what the administrator is, under these names."""
    yard.sql("UPDATE accounts_user SET password = ? WHERE username = 'admin'", HASHED)
    columns = [row[1] for row in yard.sql("PRAGMA table_info(accounts_user)") if row[1] not in ("id", "username")]
    fields = ", ".join(columns)
    for name in PEOPLE[1:]:
        yard.sql(
            f"INSERT OR IGNORE INTO accounts_user (username, {fields}) "
            f"SELECT ?, {fields} FROM accounts_user WHERE username = 'admin'",
            name,
        )


class Person:
    """One of `PEOPLE`, a superuser with a session, as a browser has it."""

    def __init__(self, yard: Yard, name: str = "admin") -> None:
        self.yard = yard
        headers = {"Origin": yard.url, "Referer": yard.url}
        self.web = httpx.Client(base_url=yard.url, timeout=30, headers=headers, **PLAIN)
        if yard.url not in _KNOW_PEOPLE:
            _give_password(yard)
            _KNOW_PEOPLE.add(yard.url)
        self.post("/accounts/login/", {"login": name, "password": PASSWORD})
        assert "sessionid" in self.web.cookies

    def post(self, path: str, fields: dict[str, str] | None = None) -> httpx.Response:
        if "csrftoken" not in self.web.cookies:
            self.web.get("/accounts/login/")
        token = self.web.cookies["csrftoken"]
        return self.web.post(path, data={"csrfmiddlewaretoken": token, **(fields or {})})

    def open_shell(self, path: str, number: int) -> int:
        """Open one and give the number of its session."""
        answer = self.post(f"/r/{path}/builds/{number}/shell/open")
        assert answer.headers["location"].endswith("/shell"), answer.headers
        page = self.web.get(f"/r/{path}/builds/{number}/shell")
        found = re.search(r'data-socket="/ws/debug/(\d+)/"', page.text)
        assert found is not None, page.text
        return int(found[1])

    @contextmanager
    def at(self, session: int, *, cursor: str = "") -> Iterator[Screen]:
        """The terminal of a session."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.web.cookies.items())
        url = f"{self.yard.url.replace('http', 'ws')}/ws/debug/{session}/?cursor={cursor}"
        headers = {"Cookie": cookies}
        with connect(url, origin=self.yard.url, additional_headers=headers, proxy=None) as socket:  # type: ignore[arg-type]
            yield Screen(socket)


class Screen:
    """What a terminal shows, and what is typed into it."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.text = ""
        self.messages: list[dict[str, Any]] = []
        self.cursor = ""
        self.end = ""
        self.code: int | None = None
        self.acks = True

    def send(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def type(self, text: str) -> None:
        self.send(type="data", data=text)

    def hear(self, within_s: float) -> bool:
        """Take one message; False where none came, or the line is closed."""
        try:
            message = json.loads(self.socket.recv(timeout=max(within_s, 0.01)))
        except TimeoutError:
            return False
        except ConnectionClosed as closed:
            self.code = closed.rcvd.code if closed.rcvd else 1006
            return False
        self.messages.append(message)
        self.cursor = message.get("cursor", self.cursor)
        if message["type"] == "data":
            self.text += base64.b64decode(message["data"]).decode("utf-8", "replace")
            if self.acks:
                self.send(type="ack", cursor=self.cursor)
        elif message["type"] == "end":
            self.end = message["data"]
        return True

    def until(self, words: str, *, timeout_s: float = 60) -> str:
        """Everything shown so far, once `words` are in it."""
        give_up = time.monotonic() + timeout_s
        while words not in self.text:
            assert self.code is None, f"closed with {self.code}: {self.end}\n{self.text}"
            assert time.monotonic() < give_up, f"{words!r} did not come\n{self.text}\n{self.messages[-3:]}"
            self.hear(give_up - time.monotonic())
        return self.text

    def until_open(self, *, timeout_s: float = 90) -> dict[str, Any]:
        """The state of the shell, once it is there."""
        return self._until("state", timeout_s)

    def until_end(self, *, timeout_s: float = 60) -> str:
        """Why it ended."""
        self._until("end", timeout_s)
        return self.end

    def _until(self, kind: str, timeout_s: float) -> dict[str, Any]:
        give_up = time.monotonic() + timeout_s
        while not (found := [message for message in self.messages if message["type"] == kind]):
            assert self.code is None, f"closed with {self.code}\n{self.text}"
            assert time.monotonic() < give_up, f"no {kind}: {self.messages[-3:]}"
            self.hear(give_up - time.monotonic())
        return found[-1]
