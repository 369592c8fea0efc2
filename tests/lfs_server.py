"""A real Git LFS server for tests: the Batch API beside `git_http`, objects on a storage server of another port.

Formats as in Git LFS's `docs/api/batch.md`. Use the fixture `lfs`; its fields make the servers misbehave.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.git_server import GitHTTP, status
from tests.http_server import QuietHandler, QuietServer, served

ATTRIBUTES = {".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n"}
MEDIA_TYPE = "application/vnd.git-lfs+json"


def pointer(content: bytes) -> str:
    """The pointer file for some content, as `git lfs pointer` writes it."""
    oid = hashlib.sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n"


@dataclass
class LFS:
    """`git_http` asks for the login; the storage server asks for the ticket that every answer hands out.

    `refuses` answers every batch with that status, `storage` replaces the storage server's answers where it returns
    True, `href` is where objects are (`{oid}` in it).
    """

    git_http: GitHTTP
    storage_url: str
    objects: dict[str, bytes] = field(default_factory=dict)
    refuses: int = 0
    message: str = ""
    href: str = ""
    header: dict[str, str] = field(default_factory=lambda: {"X-Ticket": "t1cket"})
    storage: Callable[[BaseHTTPRequestHandler], bool] | None = None
    batches: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """(Authorization, body) of every batch request."""
    downloads: list[dict[str, str]] = field(default_factory=list)
    """Headers of every request for an object."""

    @property
    def storage_host(self) -> str:
        return self.storage_url.removeprefix("http://")

    def add(self, content: bytes) -> str:
        """Keep an object, and return its pointer file."""
        self.objects[hashlib.sha256(content).hexdigest()] = content
        return pointer(content)

    def answer(self, handler: BaseHTTPRequestHandler) -> bool:
        """The LFS half of `git_http`; False for what is Git's."""
        if not handler.path.endswith("/info/lfs/objects/batch"):
            return False
        given = handler.headers.get("Authorization", "")
        request = json.loads(handler.body)
        self.batches.append((given, request))
        login = self.git_http.login
        if self.refuses:
            return status(self.refuses, json.dumps({"message": self.message}))(handler)
        if login is not None and given != f"Basic {base64.b64encode(':'.join(login).encode()).decode()}":
            return status(401, LFS_Authenticate='Basic realm="lfs"')(handler)
        objects = [self._object(request["operation"], entry) for entry in request["objects"]]
        return status(200, json.dumps({"transfer": "basic", "objects": objects}), Content_Type=MEDIA_TYPE)(handler)

    def _object(self, operation: str, entry: dict[str, Any]) -> dict[str, Any]:
        oid = entry["oid"]
        if operation == "download" and oid not in self.objects:
            return entry | {"error": {"code": 404, "message": "Object does not exist"}}
        href = (self.href or f"{self.storage_url}/{{oid}}").format(oid=oid)
        return entry | {"authenticated": True, "actions": {operation: {"href": href, "header": self.header}}}


class _Storage(QuietHandler):
    protocol_version = "HTTP/1.1"
    server: _StorageServer

    def do_GET(self) -> None:
        lfs = self.server.lfs
        lfs.downloads.append(dict(self.headers))
        if lfs.storage is not None and lfs.storage(self):
            return
        if self.headers.get("X-Ticket") != "t1cket":
            status(403)(self)
            return
        content = lfs.objects[self.path.removeprefix("/")]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.lfs.objects[self.path.removeprefix("/")] = content
        status(200)(self)


class _StorageServer(QuietServer):
    lfs: LFS


@pytest.fixture
def lfs(git_http: GitHTTP) -> Iterator[LFS]:
    """An LFS server for the repositories of `git_http`."""
    server = _StorageServer(("127.0.0.1", 0), _Storage)
    server.lfs = LFS(git_http, f"http://127.0.0.1:{server.server_address[1]}")
    git_http.answer = server.lfs.answer
    with served(server):
        yield server.lfs
