"""Real Git servers for tests: `git http-backend` behind a small HTTP server that can misbehave, and a real sshd.

Use the fixtures `git_repo` (a repository with a history), `git_http` and `git_ssh`; each server is on a free loopback
port and ends with its test session.
"""

from __future__ import annotations

import base64
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.http_server import QuietHandler, QuietServer, served

GIT_ENV = {
    "PATH": os.environ.get("PATH", os.defpath),
    "LC_ALL": "C.UTF-8",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "A. Author",
    "GIT_AUTHOR_EMAIL": "author@example.com",
    "GIT_COMMITTER_NAME": "A. Author",
    "GIT_COMMITTER_EMAIL": "author@example.com",
}


def git(where: Path, *args: str, **options) -> str:
    """Run Git in `where` and return what it printed, without the last line break."""
    done = subprocess.run(
        ["git", *args], cwd=where, env=GIT_ENV, check=True, capture_output=True, text=True, timeout=60, **options
    )
    return done.stdout.rstrip("\n")


@dataclass
class GitRepo:
    """A work tree with its bare repository `bare`, to which `commit` pushes."""

    work: Path
    bare: Path

    @property
    def url(self) -> str:
        return f"file://{self.bare}"

    def commit(self, files: dict[str, str | bytes], message: str = "change", branch: str = "main") -> str:
        """Write `files`, commit everything to `branch`, push it, and return the commit's name."""
        if git(self.work, "branch", "--show-current") != branch:
            known = git(self.work, "branch", "--list", branch)
            git(self.work, "switch", "-q", *([] if known else ["-c"]), branch)
        for name, content in files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        git(self.work, "add", "-A")
        git(self.work, "commit", "-q", "--allow-empty", "-m", message)
        self.push(branch)
        return self.head()

    def head(self) -> str:
        return git(self.work, "rev-parse", "HEAD")

    def push(self, *refs: str) -> None:
        git(self.work, "push", "-q", "--force", "origin", *refs)

    def tag(self, name: str, *, annotated: bool = False) -> str:
        """Tag HEAD, push the tag, and return the name of the object it points at (a tag object if annotated)."""
        git(self.work, "tag", *(["-a", "-m", name] if annotated else []), name)
        self.push(f"refs/tags/{name}")
        return git(self.work, "rev-parse", name)


def make_repo(root: Path, name: str = "web") -> GitRepo:
    """An empty bare repository `root/name.git` and a work tree beside it that pushes to it."""
    bare, work = root / f"{name}.git", root / f"{name}-work"
    work.mkdir(parents=True)
    git(root, "init", "-q", "--bare", "-b", "main", str(bare))
    git(root, "init", "-q", "-b", "main", str(work))
    git(work, "remote", "add", "origin", str(bare))
    return GitRepo(work, bare)


@pytest.fixture
def git_root(tmp_path: Path) -> Path:
    """The folder that test repositories and servers share: `<git_root>/<name>.git`."""
    root = tmp_path / "git"
    root.mkdir()
    return root


@pytest.fixture
def git_repo(git_root: Path) -> GitRepo:
    """A repository `web` with one commit on `main`."""
    repo = make_repo(git_root)
    repo.commit({"Dockerfile": "FROM scratch\nCOPY . /\n", "README.md": "# Web\n", "src/app.py": "print()\n"}, "First")
    return repo


@dataclass
class GitHTTP:
    """`login` asks for that user and password; `answer` replaces the answer where it returns True.

    `only_v0` makes it a server from before protocol version 2, which gives out only what a ref points at.
    """

    url: str
    root: Path
    login: tuple[str, str] | None = None
    answer: Callable[[BaseHTTPRequestHandler], bool] | None = None
    only_v0: bool = False
    seen: list[tuple[str, str]] = field(default_factory=list)
    """(path, Authorization header) of every request."""

    def address(self, name: str = "web") -> str:
        return f"{self.url}/{name}.git"

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")


def status(code: int, body: str = "", **headers: str) -> Callable[[BaseHTTPRequestHandler], bool]:
    """An `answer` that gives every request the same status."""

    def answer(handler: BaseHTTPRequestHandler) -> bool:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value.format(path=handler.path))
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body.encode())
        return True

    return answer


class _Backend(QuietHandler):
    """One request through `git http-backend`, see git-http-backend(1) and RFC 3875."""

    protocol_version = "HTTP/1.1"
    server: _Server
    body = b""

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_GET  # noqa: N815 — the name that the base class looks for

    def _serve(self) -> None:
        config = self.server.config
        body = self.body = self._body()
        authorization = self.headers.get("Authorization", "")
        config.seen.append((self.path, authorization))
        if config.answer is not None and config.answer(self):
            return
        if config.login is not None:
            right = base64.b64encode(":".join(config.login).encode()).decode()
            if authorization != f"Basic {right}":
                status(401, WWW_Authenticate='Basic realm="git"')(self)
                return
        self._backend(body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _backend(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        env = GIT_ENV | {
            "GIT_PROJECT_ROOT": str(self.server.config.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": "" if self.server.config.only_v0 else self.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": "127.0.0.1",
        }
        out = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=False).stdout
        head, _, content = out.partition(b"\r\n\r\n")
        lines = [line.partition(": ") for line in head.decode().split("\r\n")]
        code = next((int(value.split()[0]) for name, _, value in lines if name == "Status"), 200)
        self.send_response(code)
        for name, _, value in lines:
            if name and name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class _Server(QuietServer):
    config: GitHTTP


@pytest.fixture
def git_http(git_root: Path) -> Iterator[GitHTTP]:
    """`git_root` over HTTP. Set `login` or `answer` to make it demanding."""
    server = _Server(("127.0.0.1", 0), _Backend)
    server.config = GitHTTP(f"http://127.0.0.1:{server.server_address[1]}", git_root)
    with served(server):
        yield server.config


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield listener.getsockname()[1]


@dataclass
class GitSSH:
    """A real sshd. `known_hosts` is the line that trusts it, `private_key` opens it."""

    port: int
    root: Path
    user: str
    private_key: str
    known_hosts: str
    folder: Path

    def address(self, name: str = "web") -> str:
        return f"ssh://{self.user}@127.0.0.1:{self.port}{self.root}/{name}.git"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"


_SSHD_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
PidFile {folder}/sshd.pid
AuthorizedKeysFile {folder}/authorized
PasswordAuthentication no
KbdInteractiveAuthentication no
PubkeyAuthentication yes
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
AcceptEnv GIT_PROTOCOL
SetEnv PATH={folder}/bin:{path}
"""


@pytest.fixture
def git_ssh(git_root: Path, tmp_path: Path) -> Iterator[GitSSH]:
    """`git_root` over SSH, with an ed25519 key on either side."""
    sshd = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if sshd is None:
        pytest.skip("sshd is not installed on this machine")
    folder = tmp_path / "sshd"
    (folder / "bin").mkdir(parents=True)  # for programs that a test wants to find on the server
    for name in ("host", "client"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    shutil.copy(folder / "client.pub", folder / "authorized")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    Path("/run/sshd").mkdir(exist_ok=True)  # privilege separation wants it, and no init made it
    (folder / "config").write_text(_SSHD_CONFIG.format(port=port, folder=folder, path=GIT_ENV["PATH"]))
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([sshd, "-D", "-e", "-f", str(folder / "config")], stderr=log)
    _wait_for(port)
    public = (folder / "host.pub").read_text().split()
    known = f"[127.0.0.1]:{port} {public[0]} {public[1]}\n"
    user = os.environ.get("USER") or os.environ.get("LOGNAME") or "root"
    yield GitSSH(port, git_root, user, (folder / "client").read_text(), known, folder)
    server.terminate()
    server.wait(10)


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    pytest.fail(f"nothing listens on port {port}")
