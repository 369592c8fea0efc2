"""A whole Imageyard for functional tests: web, worker and beat as `make up` starts them, on real parts, no fakes."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tarfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

from imageyard.supervisor.ports import free_port, http_status

CHECKOUT = Path(__file__).resolve().parent.parent
FINAL = {"succeeded", "failed", "cancelled", "superseded"}
ZEROS = "0" * 40
MANIFESTS = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
)
# For plain HTTP: reading the certificates of the authorities takes longer than most answers.
PLAIN: dict[str, Any] = {"verify": False}
T = TypeVar("T")


def fresh(base_image: str, *lines: str) -> str:
    """A Dockerfile from `base_image` whose steps are in nobody's cache: builders are shared and remember."""
    return "\n".join([f"FROM {base_image}", f"ENV NONCE={uuid.uuid4().hex}", *lines, ""])


def until(found: Callable[[], T], *, timeout_s: float = 30, what: str = "it") -> T:
    """What `found` gives as soon as that is true. Looking takes a tenth of the time: others have work to do."""
    began = looks = time.monotonic()
    while not (value := found()):
        now = time.monotonic()
        assert now - began < timeout_s, f"{what} did not come true within {timeout_s} s"
        time.sleep(min(max(0.05, 9 * (now - looks)), 0.5))
        looks = time.monotonic()
    return value


class GitRepository:
    """A bare repository below the yard's Git root, and a work tree beside it to commit from."""

    def __init__(self, root: Path, name: str) -> None:
        self.bare = root / f"{name}.git"
        self.tree = root / f"{name}.tree"
        self._git("init", "-q", "--bare", "-b", "main", str(self.bare), cwd=root)
        self._git("init", "-q", "-b", "main", str(self.tree), cwd=root)
        self._git("remote", "add", "origin", str(self.bare))

    @property
    def url(self) -> str:
        return f"file://{self.bare}"

    def _git(self, *arguments: str, cwd: Path | None = None) -> str:
        environ = {
            **os.environ,
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_AUTHOR_NAME": "A. Author",
            "GIT_AUTHOR_EMAIL": "author@example.com",
            "GIT_COMMITTER_NAME": "A. Author",
            "GIT_COMMITTER_EMAIL": "author@example.com",
        }
        command = ["git", *arguments]
        return subprocess.run(
            command, cwd=cwd or self.tree, env=environ, check=True, capture_output=True, text=True
        ).stdout.strip()

    def git(self, *arguments: str) -> str:
        return self._git(*arguments)

    def commit(self, files: Mapping[str, str | bytes], message: str = "change", *, branch: str = "main") -> str:
        """Write files, commit, push to the bare repository; the commit's hash."""
        head = self.tree / ".git"
        if (head / "HEAD").read_text().strip() != f"ref: refs/heads/{branch}":
            self._git("checkout", "-q", "-B", branch)
        for name, content in files.items():
            path = self.tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        self._git("add", "-A")
        self._git("commit", "-q", "--allow-empty", "-m", message)
        self._git("push", "-q", "-f", "origin", branch)
        return (head / "refs/heads" / branch).read_text().strip()


@dataclass
class Linked:
    """A repository in the yard with its source."""

    yard: Yard
    path: str
    git: GitRepository
    webhook_url: str
    secret: str

    def push(
        self, commit: str, ref: str = "refs/heads/main", *, before: str = ZEROS, message: str = "change", **more: Any
    ) -> httpx.Response:
        """Send GitHub's signed push of `commit`."""
        payload = {
            "ref": ref,
            "before": before,
            "after": commit,
            "created": before == ZEROS,
            "deleted": commit == ZEROS,
            "forced": False,
            "commits": [],
            "head_commit": None if commit == ZEROS else {"id": commit, "message": message, "author": {"name": "A"}},
            "repository": {"id": 42, "full_name": self.path, "default_branch": "main"},
            "sender": {"login": "acme-dev"},
            **more,
        }
        return self.deliver("push", json.dumps(payload).encode())

    def deliver(self, event: str, body: bytes, **headers: str) -> httpx.Response:
        signature = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        return httpx.post(
            self.webhook_url,
            content=body,
            headers={
                "Content-Type": "application/json",
                "X-GitHub-Event": event,
                "X-GitHub-Delivery": str(uuid.uuid4()),
                "X-Hub-Signature-256": f"sha256={signature}",
                **headers,
            },
            timeout=30,
            **PLAIN,
        )

    def trigger(self, ref: str = "main", *, ref_type: str = "branch", commit: str = "") -> dict[str, Any]:
        """Ask for a build by hand; the first that was made."""
        body = {"ref_type": ref_type, "ref": ref, "commit": commit}
        return dict(self.yard.send("POST", f"/repositories/{self.path}/builds", body, status=201)["builds"][0])

    def start(self, files: Mapping[str, str | bytes], **push: Any) -> dict[str, Any]:
        """Commit and push `files`; the build that came of it, which is not over yet."""
        commit = self.git.commit(files)
        answer = self.push(commit, **push)
        assert answer.status_code == 202, answer.text
        return dict(self.yard.build(self.delivery(answer)["builds"][0]["id"]))

    def build(self, files: Mapping[str, str | bytes], *, timeout_s: float = 60, **push: Any) -> dict[str, Any]:
        """Commit and push `files`, and wait for the end of the build."""
        return self.yard.wait(self.start(files, **push)["id"], timeout_s=timeout_s)

    def delivery(self, answer: httpx.Response) -> dict[str, Any]:
        """The ledger's row of a request that was taken."""
        return dict(self.yard.get(f"/deliveries/{answer.json()['delivery']}"))

    def tags(self) -> dict[str, dict[str, Any]]:
        """What the API says of the tags, by name."""
        return {tag["name"]: tag for tag in self.yard.get(f"/repositories/{self.path}/tags?limit=100")["items"]}

    def builds(self) -> list[dict[str, Any]]:
        """Newest first."""
        return list(self.yard.get(f"/repositories/{self.path}/builds")["items"])

    def build_push(self, commit: str, *, timeout_s: float = 60, **push: Any) -> dict[str, Any]:
        """Push, and wait until the build that came of it is over."""
        answer = self.push(commit, **push)
        assert answer.status_code == 202, answer.text
        delivery = self.yard.get(f"/deliveries/{answer.json()['delivery']}")
        builds = delivery["builds"]
        assert builds, delivery
        first = builds[0]["id"] if isinstance(builds[0], dict) else builds[0]
        return self.yard.wait(first, timeout_s=timeout_s)


@dataclass
class Yard:
    """A running Imageyard. `process` is the supervisor."""

    home: Path
    url: str
    registry: str
    token: str
    git_root: Path
    environ: dict[str, str]
    process: subprocess.Popen[bytes]
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        self.client = httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=30, **PLAIN)

    def get(self, path: str) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def send(self, method: str, path: str, body: Any = None, *, status: int | None = None) -> Any:
        answer = self.client.request(method, path, json=body)
        assert answer.is_success if status is None else answer.status_code == status, (
            f"{answer.status_code} {answer.text}"
        )
        return answer.json() if answer.content else None

    def link(
        self,
        path: str,
        *,
        rules: list[dict[str, Any]] | None = None,
        git: GitRepository | None = None,
        visibility: str = "private",
        **fields: Any,
    ) -> Linked:
        """A repository with a source below the Git root and the rule `main` → `latest`; `fields` are the source's."""
        space, name = path.split("/")
        self.send("POST", "/repositories", {"namespace": space, "name": name, "visibility": visibility})
        git = git or GitRepository(self.git_root, f"{space}-{name}")
        fields = {"forge": "github", "clone_url": git.url, **fields}
        source = self.send("PUT", f"/repositories/{path}/source", fields)
        rules = rules or [{"ref_type": "branch", "pattern": "main", "tags": ["latest"]}]
        self.send("PUT", f"/repositories/{path}/rules", rules)
        return Linked(self, path, git, source["webhook_url"], source["webhook_secret"])

    def build(self, build_id: int) -> dict[str, Any]:
        return dict(self.get(f"/builds/{build_id}"))

    def wait(self, build_id: int, *, until: set[str] | None = None, timeout_s: float = 60) -> dict[str, Any]:
        """The build once its state is one of `until` (final states by default)."""
        wanted = until or FINAL
        give_up = time.monotonic() + timeout_s
        # The database is asked in the meantime: web would take a seventh of a processor to say that it is not over.
        while self._state(build_id) not in wanted | FINAL and time.monotonic() < give_up:
            time.sleep(0.05)
        build = self.build(build_id)
        if build["state"] not in wanted:
            assert build["state"] not in FINAL, f"ended as {build['state']}: {build['sentence']}"
            raise AssertionError(f"still {build['state']} after {timeout_s} s: {build['sentence']}")
        return build

    def _state(self, build_id: int) -> str:
        return str(self.sql("SELECT state FROM builds_build WHERE id = ?", build_id)[0][0])

    def log(self, build_id: int, **query: Any) -> bytes:
        answer = self.client.get(f"/builds/{build_id}/log", params=query)
        assert answer.status_code == 200, answer.text
        return answer.content

    def wait_log(self, build_id: int, words: bytes, *, timeout_s: float = 60) -> bytes:
        """The log of a running build once `words` stand in it."""
        log = b""

        def there() -> bool:
            nonlocal log
            state = self._state(build_id)
            log = self.log(build_id) if state != "queued" else b""
            assert words in log or state not in FINAL, f"the build {state}: {self.build(build_id)['sentence']}"
            return words in log

        until(there, timeout_s=timeout_s, what=f"{words!r} in the log")
        return log

    def ring(self, *bells: str) -> None:
        """Ring for the worker. What beat rings for every ten seconds may so come sooner; it is harmless twice."""
        from celery import Celery  # not for those who only wait

        path, _, database = self.environ["REDIS_URL"].removeprefix("unix://").partition("?db=")
        with Celery(broker=f"redis+socket://{path}?virtual_host={database}") as app:
            for bell in bells:
                app.send_task(bell, queue="doorbell", expires=9, ignore_result=True)

    def manage(self, *arguments: str, **environ: str) -> str:
        """Run one of Django's commands as the yard's processes would; what it prints."""
        command, env = [sys.executable, "manage.py", *arguments], self.environ | environ
        return subprocess.run(command, cwd=CHECKOUT, env=env, check=True, capture_output=True, text=True).stdout

    def shell(self, program: str, **environ: str) -> str:
        """Run a program with Django as the yard has it; what it prints."""
        return self.manage("shell", "--no-imports", "--command", program, **environ)

    def wait_healthy(self) -> None:
        """Wait until web serves again."""

        until(lambda: self.answers("/healthz"), timeout_s=60, what="web")

    def answers(self, path: str) -> bool:
        """Whether web answers a question about its health with 200."""
        said = http_status(*self.address, path, timeout_s=10)
        return said is not None and said[0] == 200

    @property
    def address(self) -> tuple[str, int]:
        """Where web listens."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        return host, int(port)

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the API has no call for, in the yard's own database."""
        with closing(sqlite3.connect(self.home / "imageyard.sqlite3", timeout=20)) as connection, connection:
            return connection.execute(statement, values).fetchall()

    def use_registry(self, path: str, host: str) -> None:
        """Let the repository's images go to another registry."""
        space, name = path.split("/")
        self.sql(
            "INSERT OR IGNORE INTO registry_registry (name, host, kind, scheme, username, password, is_default, "
            "keeps_build_tags, path_template, test_path, check_state, check_sentence, check_lines, checks_good, "
            "checks_failed, last_error, created_at) VALUES (?, ?, 'plain', 'http', '', '', 0, 1, "
            "'{namespace}/{name}', '', '', '', '[]', 0, 0, '', CURRENT_TIMESTAMP)",
            host,
            host,
        )
        self.sql(
            "UPDATE registry_repository SET registry_id = (SELECT id FROM registry_registry WHERE host = ?) WHERE "
            "name = ? AND namespace_id = (SELECT id FROM accounts_namespace WHERE name = ?)",
            host,
            name,
            space,
        )

    def pushed_tags(self, path: str) -> set[str]:
        """The tags that the registry itself has."""
        return set(self._registry(f"/v2/{path}/tags/list").json().get("tags") or [])

    def image_files(self, path: str, reference: str) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
        """Every file in the layers of an image as the registry has it, with its content."""
        manifest = self._registry(f"/v2/{path}/manifests/{reference}").json()
        if "manifests" in manifest:
            digests = [row["digest"] for row in manifest["manifests"] if row["platform"]["os"] != "unknown"]
            manifest = self._registry(f"/v2/{path}/manifests/{digests[0]}").json()
        found = {}
        for layer in manifest["layers"]:
            content = self._registry(f"/v2/{path}/blobs/{layer['digest']}").content
            with tarfile.open(fileobj=io.BytesIO(content)) as tar:
                for entry in tar:
                    held = tar.extractfile(entry) if entry.isreg() else None
                    found[entry.name] = (entry, held.read() if held else b"")
        return found

    def copy_image(self, old: str, new: str, tag: str) -> None:
        """Push an image to another repository of the registry, as somebody else would."""
        manifest = self._registry(f"/v2/{old}/manifests/{tag}")
        parts = manifest.json()
        with httpx.Client(base_url=f"http://{self.registry}", timeout=10, **PLAIN) as registry:
            for blob in (parts["config"], *parts["layers"]):
                registry.post(f"/v2/{new}/blobs/uploads/?mount={blob['digest']}&from={old}").raise_for_status()
            headers = {"Content-Type": parts["mediaType"]}
            registry.put(f"/v2/{new}/manifests/{tag}", content=manifest.content, headers=headers).raise_for_status()

    def _registry(self, path: str) -> httpx.Response:
        headers = {"Accept": MANIFESTS} | self.bearer(f"repository:{'/'.join(path.split('/')[2:4])}:pull")
        return httpx.get(f"http://{self.registry}{path}", headers=headers, timeout=30, **PLAIN)

    def bearer(self, scope: str) -> dict[str, str]:
        """The header that lets an administrator in at the yard's own registry; none where the registry is not its."""
        if not self.owns_registry:
            return {}
        query = {"service": self.registry, "scope": scope}
        answer = httpx.get(f"{self.url}/registry/token", params=query, auth=("admin", self.token), timeout=30, **PLAIN)
        return {"Authorization": f"Bearer {answer.json()['token']}"}

    @property
    def owns_registry(self) -> bool:
        """Whether its registry sends people to it for a token."""
        challenge = httpx.get(f"http://{self.registry}/v2/", timeout=30, **PLAIN).headers.get("WWW-Authenticate", "")
        return f"{self.url}/registry/token" in challenge

    @contextmanager
    def awake(self) -> Iterator[Yard]:
        """Let it run while it is used: one that waits takes a twentieth of a processor."""
        self._signal(signal.SIGCONT)
        # The worker reports itself at once, since it slept past its time.
        until(lambda: self.answers("/readyz"), timeout_s=60, what="a yard that woke up")
        yield self
        self._signal(signal.SIGSTOP)

    def _signal(self, number: signal.Signals) -> None:
        """Parents first, for the supervisor starts again what it sees end."""
        for pid in (self.process.pid, *self.processes(sys.executable)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def processes(self, what: str) -> list[int]:
        """Process ids below the supervisor whose command line holds `what`, parents first."""
        return [pid for pid, args in self._below() if what in args]

    def _below(self) -> list[tuple[int, str]]:
        out = subprocess.run(["ps", "-ewwo", "pid,ppid,args"], check=True, capture_output=True, text=True).stdout
        children: dict[int, list[tuple[int, str]]] = {}
        for line in out.splitlines()[1:]:
            pid, ppid, args = line.split(None, 2)
            children.setdefault(int(ppid), []).append((int(pid), args))
        found, parents = [], [self.process.pid]
        while parents:
            rows = children.get(parents.pop(0), [])
            found += rows
            parents += [pid for pid, _ in rows]
        return found


@contextmanager
def running_yard(home: Path, *, redis_url: str, registry: str, docker_host: str, **environ: str) -> Iterator[Yard]:
    """Start a whole Imageyard in `home` and stop it afterwards."""
    port = free_port()
    git_root = home / "git"
    git_root.mkdir(parents=True, exist_ok=True)
    token = "iy_" + uuid.uuid4().hex
    full = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("IMAGEYARD_", "DJANGO_"))},
        "IMAGEYARD_HOME": str(home / "home"),
        "IMAGEYARD_HTTP": f"127.0.0.1:{port}",
        "IMAGEYARD_REGISTRY": registry,
        "IMAGEYARD_ADMIN_TOKEN": token,
        "IMAGEYARD_LOCAL_GIT_ROOT": str(git_root),
        "IMAGEYARD_TRUSTED_HOSTS": "127.0.0.1,localhost",
        "IMAGEYARD_SLOTS": "2",
        "IMAGEYARD_MIN_FREE_GB": "0",
        "REDIS_URL": redis_url,
        "DOCKER_HOST": docker_host,
        **environ,
    }
    process = subprocess.Popen([sys.executable, "-m", "imageyard.supervisor"], cwd=CHECKOUT, env=full)
    yard = Yard(home / "home", f"http://127.0.0.1:{port}", registry, token, git_root, full, process)
    try:
        _wait_ready(yard)
        yield yard
    finally:
        yard._signal(signal.SIGCONT)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def _wait_ready(yard: Yard, timeout_s: float = 300) -> None:
    give_up = time.monotonic() + timeout_s
    last = ""
    while time.monotonic() < give_up:
        assert yard.process.poll() is None, f"the supervisor ended with {yard.process.returncode}"
        answer = http_status(*yard.address, "/readyz", timeout_s=5)
        if answer is not None and answer[0] == 200:
            return
        last = answer[1].decode(errors="replace") if answer else "web does not answer"
        time.sleep(0.2)
    raise AssertionError(f"Imageyard is not ready: {last}")
