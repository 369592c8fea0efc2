"""A registry that fails on purpose: a small real HTTP server that keeps images in memory and misbehaves by name.

The first part of a repository's name says how (`flaky/app`); what each does is in `FAULTS` and `LISTS`. Any other name
behaves. It takes pushes of Docker and BuildKit too. A well-behaved registry is the real one (`registry_host`).

A step of a copy fails by `State.steps`, a blob comes wrong by `State.spoils`; with `is_strict` blobs belong to
repositories, and a manifest is taken when its parts are there.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from tests.http_server import QuietHandler, QuietServer, served
from tests.images import sha256

MANIFEST = re.compile(r"/v2/(.+)/manifests/([^/]+)\Z")
BLOB = re.compile(r"/v2/(.+)/blobs/(sha256:[a-f0-9]{64})\Z")
UPLOAD = re.compile(r"/v2/(.+)/blobs/uploads/([^/]*)\Z")
REFERRERS = re.compile(r"/v2/(.+)/referrers/([^/]+)\Z")
TAGS = re.compile(r"/v2/(.+)/tags/list\Z")
HTML = (
    "<html><head><title>502 Bad Gateway</title><style>b{}</style></head><body><h1>Oops</h1><script>x()</script></body>"
)
QUOTA = (
    "adding 1.2 GiB of storage resource, which when updated to current usage of 9.9 GiB "
    "will exceed the configured upper limit of 10.0 GiB."
)


@dataclass(frozen=True)
class Fault:
    """An answer that stands in place of the right one, for writes alone, `times` times (0: always)."""

    status: int
    code: str = ""
    text: str = ""
    html: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    where: str = "any"
    times: int = 0
    moves: bool = False  # the write is carried out all the same
    reads: bool = False  # reads fail too


FAULTS = {
    "upload502": Fault(502, where="upload"),
    "upload413": Fault(413, html="<html>413</html>"),
    "upload429": Fault(429, "TOOMANYREQUESTS", "You have reached your pull rate limit", headers={"Retry-After": "7"}),
    "patience": Fault(429, "TOOMANYREQUESTS", "slow down", headers={"Retry-After": "3600"}),
    "pulls": Fault(429, "TOOMANYREQUESTS", "slow down", headers={"Retry-After": "3600"}, reads=True),
    "flaky": Fault(503, times=2),
    "denied": Fault(403, "DENIED", "requested access to the resource is denied"),
    "unauthorized": Fault(401, "UNAUTHORIZED", "authentication required"),
    "manifest500": Fault(500, where="manifest"),
    "manifest502": Fault(502, where="manifest"),
    "moved502": Fault(502, where="manifest", moves=True),
    "quota": Fault(403, "DENIED", QUOTA),
    "html": Fault(502, html=HTML),
    "immutable": Fault(412, "PRECONDITION", "the tag is immutable", where="manifest"),
    "lost-parts": Fault(404, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", where="manifest"),
}


@dataclass
class State:
    """What the server knows and what it was asked; tests read and change it."""

    manifests: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)  # (repository, tag or digest)
    blobs: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, bytearray] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    asked: list[tuple[str, str]] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    refuse_tags: set[str] = field(default_factory=set)  # puts of these tags answer 403
    put_faults: dict[str, list[int]] = field(default_factory=dict)  # tag → statuses of its next puts, 201: it works
    on_put: Callable[[str], None] | None = None
    deletes_tags: bool = True
    takes_all: bool = False  # the deletion of a tag takes its image, with every other tag
    auth: str = ""  # "", "basic" or "bearer"
    accounts: dict[str, str] = field(default_factory=lambda: {"bot": "secret-of-bot"})
    may_push: bool = True
    echoes_password: bool = False
    token_lifetime_s: float = 60.0
    clock_offset_s: float = 0.0
    tokens: dict[str, tuple[float, str]] = field(default_factory=dict)  # token → (good until, scopes)
    token_extra: dict = field(default_factory=dict)
    token_faults: list[int] = field(default_factory=list)
    realm: str = ""
    pages: dict[str, list[tuple[list[str] | None, str]]] = field(default_factory=dict)  # repository → (tags, Link)
    steps: dict[str, list[int]] = field(default_factory=dict)  # `Handler.step` → statuses of the next ones, 0: it works
    spoils: dict[str, list[str]] = field(default_factory=dict)  # digest → how the next GETs of the blob go wrong
    is_strict: bool = False
    owned: set[tuple[str, str]] = field(default_factory=set)  # (repository, digest of a blob)
    mounts: bool = True
    names_both: bool = True  # the challenge to a mount names both repositories, as Distribution's does
    lists_referrers: bool = False
    location: str = ""  # stands before the path of an upload
    on_step: Callable[[str], None] | None = None

    def count(self, method: str, part: str = "") -> int:
        return sum(asked == method and part in path for asked, path in self.asked)


class Handler(QuietHandler):
    protocol_version = "HTTP/1.1"
    state: ClassVar[State]

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate(time.time() + self.state.clock_offset_s, usegmt=True)

    def parse_request(self) -> bool:
        if self.raw_requestline.startswith(b"\x16\x03"):
            # Docker tries TLS first, and plain HTTP where what answers is plain HTTP.
            self.wfile.write(b"HTTP/1.0 400 Bad Request\r\n\r\nplain HTTP is spoken here\n")
            self.close_connection = True
            return False
        return super().parse_request()

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status: int, code: str, text: str, **headers: str) -> None:
        body = json.dumps({"errors": [{"code": code, "message": text}]}).encode()
        self.answer(status, body, Content_Type="application/json", **headers)

    def handle_any(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        self.body = self.rfile.read(length) if length else self.chunks()
        self.parts = urlsplit(self.path)
        self.state.asked.append((self.command, self.path))
        if self.parts.path == "/token":
            return self.give_token()
        if not self.logged_in() or self.fails() or self.fails_step():
            return None
        if self.parts.path == "/v2/":
            return self.answer(200, b"{}")
        for pattern, act in (
            (TAGS, self.list_tags),
            (MANIFEST, self.manifest),
            (UPLOAD, self.upload),
            (REFERRERS, self.referrers),
            (BLOB, self.blob),
        ):
            if match := pattern.match(self.parts.path):
                return act(*match.groups())
        return self.answer(404, b"404 page not found")

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815

    def chunks(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return b""
        body = bytearray()
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(body)

    def step(self) -> str:
        """What a request is in a copy: "manifest get", "blob head", "mount", "upload start", "upload send"."""
        path, method = self.parts.path, self.command.lower()
        if UPLOAD.match(path):
            return {"post": "mount" if "mount=" in self.parts.query else "upload start"}.get(method, "upload send")
        for pattern, name in ((TAGS, "tags"), (MANIFEST, "manifest"), (REFERRERS, "referrers"), (BLOB, "blob")):
            if pattern.match(path):
                return f"{name} {method}"
        return ""

    def fails_step(self) -> bool:
        step = self.step()
        if self.state.on_step:
            self.state.on_step(step)
        status = self.state.steps[step].pop(0) if self.state.steps.get(step) else 0
        if not status:
            return False
        code = {401: "UNAUTHORIZED", 403: "DENIED", 404: "NAME_UNKNOWN", 429: "TOOMANYREQUESTS"}.get(status, "")
        headers = {"Retry_After": "3"} if status == 429 else {}
        if code:
            self.refuse(status, code, f"no {step} today", **headers)
        else:
            self.answer(status)
        return True

    def fails(self) -> bool:
        mode = self.parts.path.removeprefix("/v2/").split("/")[0]
        fault = FAULTS.get(mode)
        if fault is None or (self.command in {"GET", "HEAD"} and not fault.reads):
            return False
        place = "manifest" if "/manifests/" in self.path else "upload"
        if fault.where not in {"any", place} or (fault.times and self.state.failed[mode] >= fault.times):
            return False
        self.state.failed[mode] += 1
        if fault.moves and (match := MANIFEST.match(self.parts.path)):
            self.store(*match.groups())
        if fault.html:
            self.answer(fault.status, fault.html.encode(), Content_Type="text/html", **fault.headers)
        elif fault.code:
            self.refuse(fault.status, fault.code, fault.text, **fault.headers)
        else:
            self.answer(fault.status, b"", **fault.headers)
        return True

    # Log-in --------------------------------------------------------------------------------------------------------

    def account(self) -> str | None:
        """The account of a basic log-in; empty for none, None for a wrong one."""
        kind, _, value = self.headers.get("authorization", "").partition(" ")
        if kind != "Basic":
            return ""
        name, _, password = base64.b64decode(value).decode().partition(":")
        return name if self.state.accounts.get(name) == password else None

    def logged_in(self) -> bool:
        state = self.state
        if not state.auth:
            return True
        if state.auth == "basic":
            if self.account():
                return True
            self.refuse(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate='Basic realm="fake"')
            return False
        parts = self.parts.path.removeprefix("/v2/")
        repository = re.split(r"/(?:manifests|blobs|tags)/", parts)[0]
        action = {"GET": "pull", "HEAD": "pull", "DELETE": "delete"}.get(self.command, "push")
        token = self.headers.get("authorization", "").removeprefix("Bearer ")
        good_until, scopes = state.tokens.get(token, (0.0, ""))
        other = parse_qs(self.parts.query).get("from", [""])[0]
        allowed = not repository or (
            _allows(scopes, repository, action) and (not other or _allows(scopes, other, "pull"))
        )
        if time.time() < good_until and allowed:
            return True
        wanted = {"push": "pull,push"}.get(action, action)
        both = f" repository:{other}:pull" if other and state.names_both else ""
        scope = f',scope="repository:{repository}:{wanted}{both}"' if repository else ""
        late = ',error="invalid_token"' if time.time() >= good_until else ',error="insufficient_scope"'
        realm = state.realm or f"http://{self.headers['host']}/token"
        challenge = f'Bearer realm="{realm}",service="fake"{scope}{late if token else ""}'
        self.refuse(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate=challenge)
        return False

    def give_token(self) -> None:
        state = self.state
        if state.token_faults:
            return self.answer(state.token_faults.pop(0), b"")
        account = self.account()
        if account is None or (account == "" and self.headers.get("authorization")):
            sent = base64.b64decode(self.headers["authorization"].partition(" ")[2]).decode()
            text = f"incorrect username or password{f' {sent}' if state.echoes_password else ''}"
            return self.refuse(401, "UNAUTHORIZED", text)
        scopes = " ".join(parse_qs(self.parts.query).get("scope", []))
        if not account or not state.may_push:
            scopes = re.sub(r",?(push|delete)", "", scopes)
        token = f"token-{len(state.tokens)}-of-{account or 'nobody'}"
        state.tokens[token] = (time.time() + state.token_lifetime_s, scopes)
        document = {"token": token, "expires_in": state.token_lifetime_s, **state.token_extra}
        return self.answer(200, json.dumps(document).encode(), Content_Type="application/json")

    # Content -------------------------------------------------------------------------------------------------------

    def list_tags(self, repository: str) -> None:
        pages = self.state.pages.get(repository)
        if pages is None:
            tags = sorted(name for owner, name in self.state.manifests if owner == repository and ":" not in name)
            if not tags:
                return self.refuse(404, "NAME_UNKNOWN", "repository name not known to registry")
            pages = [(tags, "")]
        number = int(parse_qs(self.parts.query).get("next_page", ["0"])[0].removeprefix("opaque=="))
        tags, link = pages[number]
        body = json.dumps({"name": repository, "tags": tags}).encode()
        link = link.replace("{host}", self.headers["host"])
        return self.answer(200, body, Content_Type="application/json", **({"Link": link} if link else {}))

    def manifest(self, repository: str, reference: str) -> None:
        state = self.state
        if self.command == "PUT":
            fault = state.put_faults[reference].pop(0) if state.put_faults.get(reference) else 201
            if fault != 201:
                return self.answer(fault)
            if reference in state.refuse_tags:
                return self.refuse(403, "DENIED", "requested access to the resource is denied")
            if state.is_strict and not self.is_whole(repository):
                return self.refuse(404, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry")
            return self.answer(201, Docker_Content_Digest=self.store(repository, reference))
        found = state.manifests.get((repository, reference))
        if found is None:
            return self.refuse(404, "MANIFEST_UNKNOWN", "manifest unknown")
        if self.command == "DELETE":
            if ":" not in reference and not state.deletes_tags:
                return self.refuse(405, "UNSUPPORTED", "The operation is unsupported.")
            gone = [key for key, value in state.manifests.items() if key[0] == repository and value[1] == found[1]]
            for key in gone if ":" in reference or state.takes_all else [(repository, reference)]:
                del state.manifests[key]
            return self.answer(202)
        return self.answer(200, found[1], Content_Type=found[0], Docker_Content_Digest=sha256(found[1]))

    def store(self, repository: str, reference: str) -> str:
        digest = sha256(self.body)
        for name in (reference, digest):
            self.state.manifests[repository, name] = (self.headers.get("content-type", ""), self.body)
        if self.state.on_put:
            self.state.on_put(reference)
        return digest

    def is_whole(self, repository: str) -> bool:
        """Whether everything that a manifest points to is in the repository, layers that stay elsewhere left out."""
        document = json.loads(self.body)
        wanted = [document.get("config"), *document.get("layers", ())]
        blobs = {one["digest"] for one in wanted if one and not one.get("urls")}
        known = {digest for owner, digest in self.state.owned if owner == repository}
        known |= {reference for owner, reference in self.state.manifests if owner == repository}
        return blobs | {one["digest"] for one in document.get("manifests", ())} <= known

    def referrers(self, repository: str, digest: str) -> None:
        if not self.state.lists_referrers:
            return self.answer(404, b"404 page not found")
        entries = []
        for (owner, reference), (media_type, body) in self.state.manifests.items():
            subject = json.loads(body).get("subject") if owner == repository and ":" in reference else None
            if subject and subject["digest"] == digest:
                entries.append({"mediaType": media_type, "digest": reference, "size": len(body)})
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries}
        return self.answer(200, json.dumps(index).encode(), Content_Type=index["mediaType"])

    def upload(self, repository: str, upload: str) -> None:
        state = self.state
        query = parse_qs(self.parts.query)
        if self.command == "POST" and "mount" in query:
            digest = query["mount"][0]
            if state.mounts and self.has(query["from"][0], digest):
                state.owned.add((repository, digest))
                return self.answer(201, Location=f"/v2/{repository}/blobs/{digest}", Docker_Content_Digest=digest)
        if self.command == "POST":
            upload = str(next(state.numbers))
            state.uploads[upload] = bytearray()
            where = f"{state.location}/v2/{repository}/blobs/uploads/{upload}?_state=of%3D{upload}"
            return self.answer(202, Location=where, Range="0-0")
        if upload not in state.uploads:
            return self.refuse(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        state.uploads[upload] += self.body
        if self.command == "PUT":
            digest, body = query["digest"][0], bytes(state.uploads.pop(upload))
            if sha256(body) != digest:
                return self.refuse(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
            state.blobs[digest] = body
            state.owned.add((repository, digest))
            return self.answer(201, Location=f"/v2/{repository}/blobs/{digest}", Docker_Content_Digest=digest)
        size = len(state.uploads[upload])
        return self.answer(202, Location=f"/v2/{repository}/blobs/uploads/{upload}", Range=f"0-{max(size - 1, 0)}")

    def blob(self, repository: str, digest: str) -> None:
        body = self.state.blobs.get(digest)
        if body is None or not self.has(repository, digest):
            return self.refuse(404, "BLOB_UNKNOWN", "blob unknown to registry")
        if self.command == "GET" and self.state.spoils.get(digest):
            return self.spoil(body, self.state.spoils[digest].pop(0))
        return self.answer(200, body, Content_Type="application/octet-stream", Docker_Content_Digest=digest)

    def has(self, repository: str, digest: str) -> bool:
        return digest in self.state.blobs and (not self.state.is_strict or (repository, digest) in self.state.owned)

    def spoil(self, body: bytes, how: str) -> None:
        """A blob that does not come as it is: "cut" in the middle, "short", "wrong" bytes, or "endless"."""
        if how == "wrong":
            return self.answer(200, body[:-1] + bytes([body[-1] ^ 1]))
        if how == "short":
            return self.answer(200, body[: len(body) // 2])
        self.send_response(200)
        self.close_connection = True
        if how == "cut":
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2])
            return None
        self.end_headers()
        while True:
            self.wfile.write(body * 1000)


def _allows(scopes: str, repository: str, action: str) -> bool:
    return any(
        scope.startswith(f"repository:{repository}:") and action in scope.rpartition(":")[2].split(",")
        for scope in scopes.split(" ")
    )


@dataclass
class FakeRegistry:
    host: str
    state: State


@contextmanager
def fake_registry(**settings: object) -> Iterator[FakeRegistry]:
    """Serve on a free loopback port; `settings` are fields of `State`."""
    state = State(**settings)  # type: ignore[arg-type]
    handler = type("BoundHandler", (Handler,), {"state": state})
    with served(QuietServer(("127.0.0.1", 0), handler)) as server:
        yield FakeRegistry(f"127.0.0.1:{server.server_port}", state)
