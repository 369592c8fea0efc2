"""Webhook POST → tag in the registry, against the script that a user would write instead."""

from __future__ import annotations

import subprocess
import time
import uuid
from pathlib import Path
from statistics import median

from bench.base import Bench, Figure, bench, say
from tests.yard import Linked

PAIRS = 10
FILES = 200
# The builder keeps its cache between runs of the benchmark: each must change something for the first time.
NONCE = uuid.uuid4().hex
DOCKERFILE = """\
ARG BASE
FROM ${BASE}
RUN echo "dependencies" > /deps
COPY . /app
RUN ls /app | wc -l > /count
RUN echo done > /done
"""


def run() -> dict[str, Figure]:
    with bench() as here:
        rules = [{"ref_type": "branch", "pattern": "main", "tags": ["latest"], "build_args": {"BASE": here.base_image}}]
        linked = here.yard.link("acme/bench", rules=rules)
        files = {f"src/file{number}.txt": f"{number}\n" * 50 for number in range(FILES)}
        linked.git.commit({"Dockerfile": DOCKERFILE, **files})
        ours, theirs = [], []
        for turn in range(PAIRS + 1):
            pair = (_ours(here, linked, turn), _script(here, linked.git.bare, turn))
            if turn:  # the first pair warms both
                ours.append(pair[0])
                theirs.append(pair[1])
                say(f"push-to-tag {turn} of {PAIRS}: {pair[0]:.3f} s, script {pair[1]:.3f} s")
    return {"push-to-tag": Figure(median(ours), median(theirs))}


def _ours(here: Bench, linked: Linked, turn: int) -> float:
    """From the first byte of the webhook to the moment when the registry wrote the tag: its file's own time."""
    commit = linked.git.commit({"src/changed.txt": f"ours {turn} {NONCE}\n"}, f"turn {turn}")
    written = _link(here, linked.path)
    before = written.stat().st_mtime_ns if written.exists() else 0
    began = time.time()
    assert linked.push(commit).status_code == 202
    build = linked.yard.wait(linked.builds()[0]["id"])
    assert build["state"] == "succeeded", build["error"]
    after = written.stat().st_mtime_ns
    assert after > before, "the tag did not move"
    return after / 1e9 - began


def _link(here: Bench, path: str) -> Path:
    """Where Distribution keeps what a tag points to, relative to its root: registry/storage/paths.go."""
    repositories = here.registry_folder / "docker/registry/v2/repositories"
    return repositories / path / "_manifests/tags/latest/current/link"


def _script(here: Bench, bare: Path, turn: int) -> float:
    """`git clone --depth 1` and `docker buildx build --push`, on a commit of its own."""
    tree = here.folder / f"script-{turn}"
    image = f"{here.registry}/acme/script:latest"
    began = time.monotonic()
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{bare}", str(tree)], check=True)
    (tree / "src/changed.txt").write_text(f"script {turn} {NONCE}\n")
    command = ["docker", "buildx", "build", "--push", "-t", image, "--build-arg", f"BASE={here.base_image}", str(tree)]
    subprocess.run(command, check=True, env=here.environ, capture_output=True)
    return time.monotonic() - began
