"""Whole Imageyards for the functional tests of a session, on real parts: to build with, with a registry, to break."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from imageyard.supervisor.ports import free_port
from tests.functional.breakable import HURRY, Cable, Fragile, started
from tests.functional.door import door
from tests.functional.gone import forget_registries
from tests.git_server import git_http, git_root, silent_port  # noqa: F401 — fixtures
from tests.yard import Yard


@pytest.fixture(scope="session")
def shared_yard(registry_host: str, docker_host: str, base_image: str) -> Iterator[Yard]:
    with started(registry_host, docker_host) as (_, yard):
        yield yard


@pytest.fixture(scope="module")
def yard(shared_yard: Yard) -> Iterator[Yard]:
    """An Imageyard with two slots, which no test breaks."""
    with shared_yard.awake():
        yield shared_yard
        forget_registries(shared_yard)


@pytest.fixture(scope="session")
def shared_own_yard(docker_host: str, base_image: str) -> Iterator[Yard]:
    with started(f"127.0.0.1:{free_port()}", docker_host) as (_, yard):
        assert yard.owns_registry
        yield yard


@pytest.fixture(scope="module")
def own_yard(shared_own_yard: Yard) -> Iterator[Yard]:
    """An Imageyard that runs its own registry, as `make up` does: with its tokens, its notifications, its storage.

    `base_image` is in another registry, which wants no log-in. Of this one, `yard.bearer(scope)` lets you in past
    docker, and `tests.docker_cli.DockerCli` as a person with docker. The files that use it share it: each has
    namespaces of its own, and web or registry may have been started again.
    """
    with shared_own_yard.awake():
        yield shared_own_yard
        forget_registries(shared_own_yard)


@pytest.fixture(scope="session")
def shared_fragile(registry_host: str, docker_host: str, base_image: str) -> Iterator[Fragile]:
    cable = Cable(Path(tempfile.mkdtemp(prefix="iy-cable-", dir="/tmp")), docker_host)
    cable.plug()
    with door(docker_host) as engine:
        hooks = {"IMAGEYARD_HOOKS_IMAGE": base_image, "IMAGEYARD_HOOKS_DOCKER_HOST": engine}
        with started(registry_host, cable.host, **HURRY, **hooks) as (redis, yard):
            yield Fragile(yard, redis, cable)
    cable.pull()
    shutil.rmtree(cable.path.parent, ignore_errors=True)


@pytest.fixture(scope="module")
def fragile(shared_fragile: Fragile) -> Iterator[Fragile]:
    """An Imageyard in a hurry, to break: each test leaves it as one that runs."""
    with shared_fragile.yard.awake():
        yield shared_fragile
