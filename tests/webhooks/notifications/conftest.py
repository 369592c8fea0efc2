"""A receiver that runs and remembers what it was sent, and subscriptions to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from webhooks.actions.subscriptions import SubscriptionDraft, add_subscription
from webhooks.models import Subscription


@dataclass
class Receiver:
    """`answers` are taken one after the other, (status, headers, body); the last one stays."""

    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=lambda: [(200, {}, b"thanks")])
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def take(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        self.got.append((path, headers, body))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, answer = receiver.take(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield receiver
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def trusted(settings) -> None:
    settings.TRUSTED_HOSTS = frozenset({"127.0.0.1"})


@pytest.fixture
def follow(source, trusted, rings):
    """`follow(url, "failed", …)`: somebody is told of these events of acme/web."""

    def make(target: str, *events: str, kind: str = "webhook", name: str = "robot", **fields: Any) -> Subscription:
        from tests.factories import make_admin

        draft = SubscriptionDraft(kind, name, target, events or ("failed",), **fields)
        return add_subscription(make_admin(), source.repository, draft)[0]

    return make
