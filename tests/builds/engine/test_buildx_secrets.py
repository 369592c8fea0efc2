"""Secrets and SSH keys of a build: they reach the step that mounts them and are nowhere else. Real builds."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import shutil
import subprocess
import threading
import time
import uuid
from pathlib import Path

import pytest

from builds.engine.sshkeys import make_deploy_key
from tests.builds.engine.test_buildx import Builds, builds  # noqa: F401 — a fixture

MULTI_LINE = "first line\n  second\twith a tab\r\nthird, German: größer\n\nlast\n"


def fresh(base_image: str, *lines: str) -> str:
    return "\n".join([f"FROM {base_image}", f"ENV NONCE={uuid.uuid4().hex}", *lines, ""])


def everything_pushed(builds: Builds) -> bytes:  # noqa: F811
    """All manifests and blobs of what was pushed, packed and unpacked."""
    index = builds.get("manifests/build-1")
    seen = [index.content]
    for row in index.json()["manifests"]:
        manifest = builds.get(f"manifests/{row['digest']}")
        seen.append(manifest.content)
        for part in (manifest.json()["config"], *manifest.json()["layers"]):
            blob = builds.get(f"blobs/{part['digest']}").content
            seen += [blob, gzip.decompress(blob)] if blob[:2] == b"\x1f\x8b" else [blob]
    return b"\0".join(seen)


def log_of(builds: Builds) -> bytes:  # noqa: F811
    """What the steps printed."""
    rows = [json.loads(line) for line in builds.stderr.splitlines() if line[:1] == b"{"]
    return b"".join(base64.b64decode(log["data"]) for row in rows for log in row.get("logs", []))


@pytest.mark.parametrize(
    "value", [MULTI_LINE, "no line break at the end", " lead and trail \n\n", '{"json": "a,b=c"}', "\n"]
)
def test_a_secret_reaches_the_step_byte_for_byte(builds, base_image, value):  # noqa: F811
    dockerfile = fresh(base_image, "RUN --mount=type=secret,id=npm.rc-1 cp /run/secrets/npm.rc-1 /copy")
    builds.write({"Dockerfile": dockerfile})
    assert builds(secrets={"npm.rc-1": value}).returncode == 0, builds.stderr.decode()
    assert builds.files()["copy"] == value.encode()


def test_10_a_secret_is_in_no_layer_no_history_no_provenance_and_no_argument_of_a_process(builds, base_image):  # noqa: F811
    """10. A secret is never in a log, an API answer, a process list, an image layer or the database in clear."""
    secret, key = uuid.uuid4().hex, make_deploy_key()[0]
    mounts = "--mount=type=secret,id=TOKEN --mount=type=secret,id=ENV,env=AS_ENV --mount=type=ssh"
    builds.write(
        {"Dockerfile": fresh(base_image, f"RUN {mounts} test -s /run/secrets/TOKEN && sleep 2 && echo made > /x")}
    )
    seen: list[bytes] = []
    done = threading.Event()
    watcher = threading.Thread(target=_watch_processes, args=[done, seen])
    watcher.start()
    try:
        assert builds(secrets={"TOKEN": secret, "ENV": secret}, ssh={"default": key}).returncode == 0
    finally:
        done.set()
        watcher.join()
    assert any(b"--secret=id=TOKEN" in arguments for arguments in seen)
    body = key.splitlines()[2]
    everywhere = everything_pushed(builds) + b"\0".join(seen) + bytes(builds.stderr) + log_of(builds)
    for hidden in (secret, body, base64.b64encode(secret.encode()).decode().rstrip("="), secret[::-1]):
        assert hidden.encode() not in everywhere
    assert not list(Path("/dev/shm").glob(f"imageyard-private-{os.getpid()}-*"))


def _watch_processes(done: threading.Event, seen: list[bytes]) -> None:
    """Arguments and environment of every process that is ours, again and again."""
    while not done.is_set():
        for folder in Path("/proc").glob("[0-9]*"):
            for name in ("cmdline", "environ"):
                try:
                    content = (folder / name).read_bytes()
                except OSError:
                    continue
                if b"buildx" in content:
                    seen.append(content)
        time.sleep(0.1)


def test_a_missing_secret_that_is_required_ends_the_build(builds, base_image):  # noqa: F811
    builds.write({"Dockerfile": fresh(base_image, "RUN --mount=type=secret,id=npm,required=true true")})
    assert builds().returncode != 0
    assert b"secret npm: not found" in builds.stderr


def test_an_ssh_key_is_in_an_agent_that_the_step_can_ask(builds, base_image):  # noqa: F811
    for path in _program_with_libraries("ssh-add"):
        target = builds.request.tree / f"root{path}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    run = 'RUN --mount=type=ssh test -S "$SSH_AUTH_SOCK" && /usr/bin/ssh-add -L'
    builds.write({"Dockerfile": fresh(base_image, "COPY root /", "RUN echo root:x:0:0::/:/bin/sh > /etc/passwd", run)})
    private, public = make_deploy_key()
    assert builds(ssh={"default": private}).returncode == 0, builds.stderr.decode()
    assert public.split()[1].encode() in log_of(builds)


def _program_with_libraries(name: str) -> list[str]:
    program = shutil.which(name)
    told = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    return [program, *re.findall(r"(/\S+) \(0x", told)]


def test_several_ssh_keys_are_told_apart_by_their_ids(builds, base_image):  # noqa: F811
    mounts = "RUN --mount=type=ssh,id=one,target=/one --mount=type=ssh,id=two,target=/two test -S /one && test -S /two"
    builds.write({"Dockerfile": fresh(base_image, mounts)})
    keys = {name: make_deploy_key()[0] for name in ("one", "two")}
    assert builds(ssh=keys).returncode == 0, builds.stderr.decode()
