"""Webhook POST → tag in the registry, against the script that a user would write instead."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from pathlib import Path
from statistics import median

import httpx

from bench.base import Bench, Figure, bench, say
from tests.yard import Linked

PAIRS = 10
# Looking oftener costs both cores more than the answer gains: a look takes milliseconds of two processes.
LOOK_S = 0.02
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
            pair = (_ours(linked, turn), _script(here, linked.git.bare, turn))
            if turn:  # the first pair warms both
                ours.append(pair[0])
                theirs.append(pair[1])
                say(f"push-to-tag {turn} of {PAIRS}: {pair[0]:.3f} s, script {pair[1]:.3f} s")
    return {"push-to-tag": Figure(median(ours), median(theirs))}


def _ours(linked: Linked, turn: int) -> float:
    """From the first byte of the webhook to the moment when the registry shows the new image under the tag."""
    commit = linked.git.commit({"src/changed.txt": f"ours {turn} {NONCE}\n"}, f"turn {turn}")
    url = f"http://{linked.yard.registry}/v2/{linked.path}/manifests/latest"
    accept = {"Accept": "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"}
    with httpx.Client(headers=accept, timeout=30) as client:
        before = client.head(url).headers.get("docker-content-digest")
        began = time.monotonic()
        assert linked.push(commit).status_code == 202
        while client.head(url).headers.get("docker-content-digest") == before:
            assert time.monotonic() - began < 60, "the tag did not move within a minute"
            time.sleep(LOOK_S)
        took = time.monotonic() - began
    # The next turn starts from rest.
    build = linked.builds()[0]
    linked.yard.wait(build["id"])
    return took


def _script(here: Bench, bare: Path, turn: int) -> float:
    """`git clone --depth 1` and `docker buildx build --push`, on a commit of its own."""
    tree = here.folder / f"script-{turn}"
    image = f"{here.registry}/acme/script:latest"
    environ = {**os.environ, "DOCKER_HOST": here.docker_host}
    began = time.monotonic()
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{bare}", str(tree)], check=True)
    (tree / "src/changed.txt").write_text(f"script {turn} {NONCE}\n")
    command = ["docker", "buildx", "build", "--push", "-t", image, "--build-arg", f"BASE={here.base_image}", str(tree)]
    subprocess.run(command, check=True, env=environ, capture_output=True)
    return time.monotonic() - began
