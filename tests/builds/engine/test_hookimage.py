"""The image in which hooks run where nobody named one: made of what this machine has, and it works."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from builds.engine.dockerclient import Docker, bare_client
from builds.engine.hookimage import hooks_image
from builds.engine.stopflag import StopFlag


@pytest.fixture(scope="module")
def docker(docker_host: str) -> Iterator[Docker]:
    with bare_client(docker_host, StopFlag()) as client:
        yield client


@pytest.fixture(scope="module")
def image(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> str:
    return hooks_image(docker, tmp_path_factory.mktemp("image"))


def test_it_is_made_once(docker: Docker, image: str, tmp_path: Path):
    made = docker.read("image", "inspect", "--format={{.Created}}", image)
    assert hooks_image(docker, tmp_path) == image
    assert docker.read("image", "inspect", "--format={{.Created}}", image) == made
    assert list(tmp_path.iterdir()) == []


SCRIPTS = {
    "#!/bin/bash\n[[ $BASH_VERSION ]] && echo bash": "bash",
    "#!/usr/bin/env sh\necho a:b | cut -d: -f2": "b",
    "#!/bin/sh\ngit init -q /tmp/x && cd /tmp/x && git status --short --branch": "## No commits yet",
    "#!/bin/sh\ngit ls-remote https://127.0.0.1:1/x 2>&1": "127.0.0.1",
    "#!/bin/sh\ncurl --version": "curl",
    "#!/bin/sh\ndocker buildx version": "buildx",
    "#!/bin/sh\ndocker compose version; docker-compose version": "Compose",
    "#!/bin/sh\ndocker ps 2>&1": "Cannot connect to the Docker daemon",
}
# Each hook that it is given as a word, and a line between what they print.
RUN_ALL = """
for script; do printf %s "$script" > /tmp/hook && chmod +x /tmp/hook; /tmp/hook; printf '\\n-- next\\n'; done
"""


@pytest.fixture(scope="module")
def printed(docker: Docker, image: str) -> dict[str, str]:
    """What each script prints: in one container, for a container costs more than what runs in it."""
    out = bytearray()
    docker("run", "--rm", "--network=none", image, "sh", "-c", RUN_ALL, "hooks", *SCRIPTS, on_stdout=out.extend)
    return dict(zip(SCRIPTS, out.decode().split("\n-- next\n"), strict=False))


@pytest.mark.parametrize(("script", "words"), SCRIPTS.items())
def test_the_programs_that_hooks_use_run(printed: dict[str, str], script: str, words: str):
    assert words in printed[script]


def test_a_hook_without_an_engine_finds_none(docker: Docker, image: str):
    """11. Nothing a repository contains can run outside the builder: no socket of the host is in there."""
    out = bytearray()
    docker("run", "--rm", image, "find", "/run", "/var", "-name", "*.sock", on_stdout=out.extend)
    assert out == b""
