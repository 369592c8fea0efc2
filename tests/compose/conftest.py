"""One compose project for the tests of this folder, on the tests' Docker Engine; not the machine's own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from imageyard.base_image import push_busybox
from imageyard.docker_login import docker_login
from tests.compose.prepare import make_images, way_out
from tests.compose.stack import IMAGE, Stack, make_stack
from tests.real_parts import TEST_HOME
from tests.yard import Linked, Yard


@pytest.fixture(scope="session")
def stack(docker_host: str) -> Iterator[Stack]:
    """Imageyard as `docker compose up` starts it, from stand-in images, with a small base image in its registry."""
    with ExitStack() as exits:
        exits.enter_context(way_out(TEST_HOME / "docker/daemon.json"))
        stack = exits.enter_context(make_stack(docker_host))
        make_images(stack)
        # As on a machine that never saw it: the image is made by `up` itself, from layers that the engine has kept.
        subprocess.run(["docker", "image", "rm", "--force", IMAGE], env=stack.environ, capture_output=True, check=False)
        stack.compose("up", "-d", "--wait", timeout_s=900)
        stack.send("/repositories", {"namespace": "library", "name": "busybox", "visibility": "public"})
        with docker_login(docker_host, stack.registry, "admin", stack.token) as config:
            push_busybox(docker_host, f"{stack.registry}/library/busybox:1", config)
        yield stack


class ComposeYard(Yard):
    """Its database is in a container that publishes no port: web is asked how a build is."""

    def _state(self, build_id: int) -> str:
        time.sleep(0.2)
        return str(self.build(build_id)["state"])


@pytest.fixture(scope="session")
def yard(stack: Stack) -> Yard:
    """The same through its published ports, as the tests of the whole speak to any Imageyard."""
    return ComposeYard(
        stack.folder, stack.url, stack.registry, stack.token, stack.git_root, stack.environ, process=None
    )


@pytest.fixture(scope="session")
def linked(yard: Yard, stack: Stack) -> Linked:
    """A linked repository that the worker's container can read."""
    rules = [{"ref_type": "branch", "pattern": "main", "tags": ["latest", "{sha7}"]}]
    return yard.link("acme/web", rules=rules)
