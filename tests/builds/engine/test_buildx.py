"""Real builds, pushed to a real registry; what is pushed is read back over the registry's API."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import textwrap
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path

import httpx
import pytest

from builds.core.errors import BuildError, Stopped
from builds.engine.buildx import BuildRequest, BuildxResult, RegistryAuth, build
from builds.engine.git import Remote
from builds.engine.process import StopFlag
from tests.processes import alive, wait_until

ACCEPT = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in ("oci.image.index.v1", "oci.image.manifest.v1", "docker.distribution.manifest.v2")
)
ROOT = str(Path(__file__).parents[3])


@dataclass
class Builds:
    """Builds one tree again and again; `stderr` is what the last build printed."""

    request: BuildRequest
    registry: str
    stderr: bytearray = field(default_factory=bytearray)

    def write(self, files: dict[str, str]) -> None:
        for name, content in files.items():
            path = self.request.tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    def __call__(self, *, stop: StopFlag | None = None, timeout_s: float = 60, **changes) -> BuildxResult:
        self.stderr.clear()
        request = replace(self.request, **changes)
        return build(request, on_stderr=self.stderr.extend, stop=stop or StopFlag(), timeout_s=timeout_s)

    @property
    def repository(self) -> str:
        return self.request.image.removeprefix(f"{self.registry}/").rpartition(":")[0]

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://{self.registry}/v2/{self.repository}/{path}", headers={"Accept": ACCEPT})

    def tags(self) -> list[str]:
        return self.get("tags/list").json().get("tags") or []

    def image(self) -> tuple[dict, dict]:
        """Manifest and configuration of the one image in the index that was pushed."""
        index = self.get(f"manifests/{self.request.image.rpartition(':')[2]}").json()
        manifest = self.get(f"manifests/{index['manifests'][0]['digest']}").json()
        return manifest, self.get(f"blobs/{manifest['config']['digest']}").json()

    def files(self) -> dict[str, bytes]:
        """Every file of every layer."""
        found = {}
        for layer in self.image()[0]["layers"]:
            with tarfile.open(fileobj=BytesIO(self.get(f"blobs/{layer['digest']}").content)) as tar:
                for member in tar.getmembers():
                    content = tar.extractfile(member) if member.isfile() else None
                    found[member.name] = content.read() if content else b""
        return found

    def cached(self) -> set[str]:
        """The steps that the last run found made; BuildKit tells some of them twice."""
        lines = [json.loads(line) for line in self.stderr.splitlines() if line[:1] == b"{"]
        return {step["name"] for line in lines for step in line.get("vertexes", []) if step.get("cached")}


@pytest.fixture
def builds(docker_host, registry_host, base_image, tmp_path) -> Builds:
    tree = tmp_path / "tree"
    request = BuildRequest(
        tree, tmp_path / "work", f"{registry_host}/acme/{uuid.uuid4().hex[:12]}:build-1", docker_host=docker_host
    )
    builds = Builds(request, registry_host)
    builds.write({"Dockerfile": f"FROM {base_image}\nARG WHO=world\nRUN echo hello $WHO\nCOPY app /app\n", "app": "1"})
    return builds


def test_it_pushes_and_gives_the_digest_of_what_was_pushed(builds):
    done = builds()
    assert done.returncode == 0
    assert builds.tags() == ["build-1"]
    assert builds.get("manifests/build-1").headers["Docker-Content-Digest"] == done.metadata["containerimage.digest"]
    assert "buildx.build.provenance" in done.metadata


def test_it_tells_on_stderr_in_rawjson(builds):
    who = uuid.uuid4().hex  # or the step would be cached, and print nothing
    builds(build_args={"WHO": who})
    logs = [log for line in builds.stderr.splitlines() if line[:1] == b"{" for log in json.loads(line).get("logs", [])]
    assert f"hello {who}".encode() in b"".join(base64.b64decode(log["data"]) for log in logs)


def test_labels_and_annotations_are_on_the_image_and_bust_no_cache(builds):
    builds()
    labels = {"org.opencontainers.image.revision": "abc", "org.opencontainers.image.version": 'a,b "c" $(id)'}
    builds(labels=labels)
    manifest, config = builds.image()
    assert config["config"]["Labels"] == manifest["annotations"] == labels
    assert builds.cached() >= {"[2/3] RUN echo hello world", "[3/3] COPY app /app"}


def test_without_cache_everything_runs_again(builds):
    ran, new = [], uuid.uuid4().hex
    for cache in (True, True, False):
        builds(cache=cache, build_args={"WHO": new})
        ran.append(b'"logs":' in builds.stderr)
    assert ran == [True, False, True]


def test_a_failing_step_is_a_return_code_and_no_metadata(builds):
    builds.write({"Dockerfile": (builds.request.tree / "Dockerfile").read_text() + "RUN exit 3\n"})
    done = builds()
    assert done.returncode != 0
    assert done.metadata is None
    assert b"exit code: 3" in builds.stderr
    assert builds.tags() == []


def test_the_dockerfile_may_be_outside_the_context_and_has_its_own_ignore_file(builds):
    builds.write(
        {"docker/web.Dockerfile": "FROM scratch\nCOPY . /\n", "docker/web.Dockerfile.dockerignore": "*\n!keep\n"}
    )
    builds.write({"api/keep": "k", "api/drop": "d", "api/.dockerignore": "keep\n"})
    assert builds(context="api", dockerfile="docker/web.Dockerfile").returncode == 0
    assert builds.files().keys() == {"keep"}


def test_c04_a_linked_dockerfile_hides_what_the_ignore_file_says(builds):
    """As in dani-garcia/vaultwarden: the target of the link is ignored, `.git` is let in, `//` begins no comment."""
    (builds.request.tree / "Dockerfile").unlink()
    (builds.request.tree / "Dockerfile").symlink_to("docker/Dockerfile.debian")
    ignore = "// Ignore everything\n*\n!.git\n!docker/start.sh\n!src\n"
    files = {"docker/Dockerfile.debian": "FROM scratch\nCOPY . /\n", "docker/start.sh": "s", "src/main": "m"}
    builds.write(files | {".git/HEAD": "h", "secret": "s", ".dockerignore": ignore})
    assert builds().returncode == 0
    assert {name for name, content in builds.files().items() if content} == {".git/HEAD", "docker/start.sh", "src/main"}


@pytest.mark.parametrize("target", ["/etc/hostname", "../../../../../../etc/hostname"])
def test_c04_an_ignore_file_that_leads_out_is_no_ignore_file(builds, target):
    builds.write({"Dockerfile": "FROM scratch\nCOPY . /\n"})
    (builds.request.tree / ".dockerignore").symlink_to(target)
    assert builds().returncode == 0
    assert builds.files().keys() >= {"app", "Dockerfile"}
    assert socket.gethostname().encode() not in b"".join(builds.files().values())


def test_a_link_in_the_context_brings_no_host_file_in(builds):
    builds.write({"Dockerfile": "FROM scratch\nCOPY app passwd* /\n"})
    (builds.request.tree / "passwd").symlink_to("/etc/passwd")
    builds()
    assert b"root:" not in b"".join(builds.files().values() if builds.tags() else [])


@pytest.mark.parametrize("name", ["-x", "--help", "$(id)", "a b", "ä"])
def test_paths_that_look_like_options_are_paths(builds, name):
    builds.write({f"{name}/Dockerfile": "FROM scratch\nCOPY . /\n", f"{name}/inside": "x"})
    assert builds(context=name, dockerfile=f"{name}/Dockerfile").returncode == 0
    assert "inside" in builds.files()


def test_c06_no_token_is_in_an_image_that_copies_everything(git_repo, git_http, checkouts, builds):
    git_http.login = ("user", "S3cretPW")
    git_repo.tag("v1.0", annotated=True)
    url = git_http.address().replace("http://", "http://user:S3cretPW@")
    checkouts(Remote(url, trusted_hosts=frozenset({git_http.host})), keep_git_dir=True)
    assert builds(tree=checkouts.tree).returncode == 0
    held = b"".join(f"{name}\n".encode() + content for name, content in builds.files().items())
    assert ".git/config" in builds.files()
    for form in (b"S3cretPW", base64.b64encode(b"user:S3cretPW")):
        assert form not in held


def test_c07_a_large_file_that_is_ignored_is_never_read(builds):
    builds.write({".dockerignore": "big.bin\n", "Dockerfile": "FROM scratch\nCOPY . /\n"})
    with (builds.request.tree / "big.bin").open("wb") as file:
        file.truncate(4 * 1024**4)  # reading it takes longer than a test may
    assert builds().returncode == 0
    assert "big.bin" not in builds.files()


def test_b05_a_step_that_waits_for_input_gets_none(builds, base_image):
    builds.write({"Dockerfile": f"FROM {base_image}\nRUN cat && echo end\n"})
    assert builds(timeout_s=30).returncode == 0


def test_b05_a_build_ends_at_its_time_limit(builds, base_image):
    builds.write({"Dockerfile": f"FROM {base_image}\nRUN sleep 71.5\n"})
    with pytest.raises(Stopped) as stopped:
        builds(timeout_s=2)
    assert stopped.value.reason == "timeout"
    assert wait_until(lambda: not alive("sleep 71.5"), 10)


def test_b05_a_daemon_that_never_answers_does_not_hold_the_worker(builds, tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        with pytest.raises(Stopped) as stopped:
            builds(docker_host=f"unix://{tmp_path}/s", timeout_s=1)
    assert stopped.value.reason == "timeout"


def test_b06_a_cancelled_build_leaves_nothing_running_and_pushes_nothing(builds, base_image):
    builds.write({"Dockerfile": f"FROM {base_image}\nRUN sleep 72.5\n"})
    stop = StopFlag()
    threading.Thread(target=lambda: wait_until(lambda: alive("sleep 72.5"), 20) and stop.set("cancelled")).start()
    with pytest.raises(Stopped) as stopped:
        builds(stop=stop)
    assert stopped.value.reason == "cancelled"
    assert wait_until(lambda: not alive("sleep 72.5"), 10)
    assert b"context canceled" in builds.stderr
    assert builds.tags() == []


def test_b07_no_daemon_is_a_return_code_with_its_words(builds):
    assert builds(docker_host="unix:///nowhere/docker.sock").returncode != 0
    assert b"Cannot connect to the Docker daemon" in builds.stderr or b"failed to connect" in builds.stderr


def test_b07_a_missing_client_is_a_sentence(builds, monkeypatch):
    monkeypatch.setattr("builds.engine.buildx.client_argv", lambda: ("no-docker", "buildx"))
    with pytest.raises(BuildError, match="`no-docker` is not installed on this worker"):
        builds()


WORKER = """
    import sys
    sys.path.insert(0, {root!r})
    from pathlib import Path
    from builds.engine import buildxclient
    from builds.engine.buildx import BuildRequest, build
    from builds.engine.process import StopFlag
    {client}
    request = BuildRequest(Path({tree!r}), Path({work!r}), {image!r}, docker_host={docker_host!r})
    build(request, on_stderr=lambda _: None, stop=StopFlag(), timeout_s=60)
"""


@pytest.mark.parametrize("client", ["plugin", "docker"])
def test_q02_a_killed_worker_takes_its_build_along(builds, base_image, client):
    """No orphan: when a worker dies in any way its buildx dies with it and pushes nothing."""
    if client == "docker" and not shutil.which("docker"):
        pytest.skip("the docker client is not installed on this machine")
    builds.write({"Dockerfile": f"FROM {base_image}\nRUN sleep 3.625\n"})
    request = builds.request
    through_docker = 'from builds.engine import buildx; buildx.client_argv = lambda: ("docker", "buildx")'
    source = WORKER.format(
        root=ROOT, tree=str(request.tree), work=str(request.work_dir), image=request.image,
        docker_host=request.docker_host, client=through_docker if client == "docker" else "",
    )  # fmt: skip
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(source)], start_new_session=True) as worker:
        assert wait_until(lambda: alive("sleep 3.625"), 20)
        assert alive(str(request.tree))
        os.kill(worker.pid, signal.SIGKILL)
    assert wait_until(lambda: not alive(str(request.tree)), 3), alive(str(request.tree))
    assert wait_until(lambda: not alive("sleep 3.625"), 10)
    time.sleep(1)
    assert builds.tags() == []


REGISTRY_CONFIG = """
version: 0.1
log: {{level: error}}
storage: {{inmemory: {{}}}}
auth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


@pytest.fixture
def login_registry(tmp_path) -> Iterator[str]:
    """A registry that wants user `bot` with password `S3cretPW` (the hash is bcrypt's, as htpasswd makes it)."""
    program = shutil.which("docker-registry") or shutil.which("registry")
    if program is None:
        pytest.skip("no registry program is installed on this machine")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "htpasswd").write_text("bot:$2b$04$abcdefghijklmnopqrstuuOzFlVfGXGZ54mnJRNwhQ6.hDjjFNe5i\n")
    (tmp_path / "registry.yml").write_text(REGISTRY_CONFIG.format(folder=tmp_path, port=port))
    with subprocess.Popen([program, "serve", str(tmp_path / "registry.yml")], stderr=subprocess.DEVNULL) as server:
        assert wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, 10)
        yield f"127.0.0.1:{port}"
        server.terminate()


@pytest.mark.parametrize(("password", "pushed"), [("S3cretPW", True), ("wrong", False), ("", False)])
def test_x04_a_push_logs_in_and_tells_no_password(builds, login_registry, password, pushed):
    auths = (RegistryAuth(login_registry, "bot", password),) if password else ()
    done = builds(image=f"{login_registry}/acme/web:build-1", registry_auths=auths)
    assert (done.returncode == 0) is pushed
    assert b"S3cretPW" not in builds.stderr
    assert pushed or re.search(rb"401|unauthorized|authorization|denied|no basic auth", builds.stderr)
