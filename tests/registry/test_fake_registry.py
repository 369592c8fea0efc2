"""The failing registry takes pushes of a real BuildKit, so that what it refuses is what a build would meet."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from registry.client import RegistryClient
from tests.fake_registry import FakeRegistry


def build_and_push(docker_host: str, folder: Path, image: str) -> subprocess.CompletedProcess[str]:
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY hello /\n")
    (folder / "hello").write_text("hello\n")
    argv = ["docker", "buildx", "build", "--progress=plain", "--push", "-t", image, str(folder)]
    home = {"DOCKER_HOST": docker_host, "DOCKER_CONFIG": str(folder / "config"), "HOME": str(folder)}
    return subprocess.run(argv, env={**os.environ, **home}, capture_output=True, text=True, timeout=100, check=False)


def test_it_takes_an_image_with_its_attestation(docker_host: str, fake: FakeRegistry, tmp_path: Path) -> None:
    done = build_and_push(docker_host, tmp_path, f"{fake.host}/acme/web:1")
    assert done.returncode == 0, done.stderr
    with RegistryClient(fake.host, "http") as client:
        facts = client.image_facts("acme/web", "1")
    assert [item.platform for item in facts.platforms] == ["linux/amd64"]
    assert facts.attestations == 1
    assert facts.layers[0].created_by.startswith("COPY hello /")


@pytest.mark.parametrize(
    ("mode", "words"),
    [("denied", "denied/app:1: denied"), ("quota", "will exceed the configured upper limit")],
)
def test_x04_it_refuses_a_real_push(
    docker_host: str, fake: FakeRegistry, tmp_path: Path, mode: str, words: str
) -> None:
    """Field case X04: the words that BuildKit passes on; where they are the code's own it leaves them out."""
    done = build_and_push(docker_host, tmp_path, f"{fake.host}/{mode}/app:1")
    assert done.returncode == 1
    assert words in done.stderr
