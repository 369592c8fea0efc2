"""Whole Imageyards for the functional tests of a session, on real parts: one to build with, one to break."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from imageyard.supervisor.parts import Redis
from imageyard.supervisor.ports import free_port
from tests.git_server import git_http, git_root, silent_port  # noqa: F401 — fixtures
from tests.real_parts import running
from tests.yard import Yard, running_yard


@pytest.fixture(scope="session")
def yard(registry_host: str, docker_host: str, base_image: str) -> Iterator[Yard]:
    """An Imageyard with two slots, which no test breaks. Its Redis is its own: another's would ring other bells."""
    folder = Path(tempfile.mkdtemp(prefix="iy-yard-", dir="/tmp"))
    with (
        running(Redis(folder / "parts")) as redis,
        running_yard(folder, redis_url=redis.url, registry=registry_host, docker_host=docker_host) as yard,
    ):
        yield yard
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def own_yard(docker_host: str, base_image: str) -> Iterator[Yard]:
    """An Imageyard that runs its own registry, as `make up` does: with its tokens, its notifications, its storage.

    `base_image` is in another registry, which wants no log-in. Of this one, `yard.bearer(scope)` lets you in past
    docker, and `tests.docker_cli.DockerCli` as a person with docker.
    """
    folder = Path(tempfile.mkdtemp(prefix="iy-own-", dir="/tmp"))
    own = f"127.0.0.1:{free_port()}"
    with (
        running(Redis(folder / "parts")) as redis,
        running_yard(folder, redis_url=redis.url, registry=own, docker_host=docker_host) as yard,
    ):
        assert yard.owns_registry
        yield yard
    shutil.rmtree(folder, ignore_errors=True)
