"""An HTTP server that takes what it is sent, remembers it, and answers as it was told. Not a test."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.http_server import QuietHandler, QuietServer, served


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


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free port of loopback, which ends with the block."""
    receiver = Receiver()

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, answer = receiver.take(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

    with served(QuietServer(("127.0.0.1", 0), Handler)) as server:
        receiver.port = server.server_port
        yield receiver


def documented_check() -> Callable[[str, dict[str, str], bytes], bool]:
    """`is_genuine(secret, headers, body)` as docs/notifications.md gives it to copy."""
    page = (Path(__file__).resolve().parent.parent / "docs" / "notifications.md").read_text()
    found = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert found
    namespace: dict[str, Any] = {}
    exec(found[1], namespace)  # our own page
    check: Callable[[str, dict[str, str], bytes], bool] = namespace["is_genuine"]
    return check
