"""Workers and web killed under an open shell: no container is left behind, and it is said."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from imageyard.supervisor.parts import Redis
from tests.functional.breakable import kill
from tests.functional.shells import Person
from tests.functional.test_debug_images import debugged, failed
from tests.functional.test_shells import containers
from tests.real_parts import running
from tests.yard import Yard, fresh, running_yard, until

# A worker is taken for dead after 45 s, and what it left is swept every half minute.
PATIENCE_S = 150


@pytest.fixture(scope="module")
def fragile(registry_host: str, docker_host: str, base_image: str) -> Iterator[Yard]:
    folder = Path(tempfile.mkdtemp(prefix="iy-shells-", dir="/tmp"))
    with (
        running(Redis(folder / "parts")) as redis,
        running_yard(folder, redis_url=redis.url, registry=registry_host, docker_host=docker_host) as yard,
    ):
        yield yard
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def step(fragile: Yard, base_image: str) -> tuple[str, int]:
    linked, build = failed(fragile, fresh(base_image, "RUN false"))
    debugged(fragile, build)
    return linked.path, build["number"]


@pytest.mark.timeout(500)
def test_a_killed_worker_leaves_no_container_and_another_shell_can_be_had(fragile: Yard, step: tuple[str, int]):
    person = Person(fragile, "ann")
    session = person.open_shell(*step)
    with person.at(session) as screen:
        screen.until_open()
        kill(fragile.processes("celery -A imageyard worker")[0])
        assert screen.until_end(timeout_s=PATIENCE_S) == "The worker that ran it disappeared. Open another shell."
    until(lambda: containers(fragile, session) == [], timeout_s=PATIENCE_S, what="the sweep")
    with person.at(person.open_shell(*step)) as screen:
        screen.until_open()
        screen.type("exit\r")
        screen.until_end()


def test_a_killed_web_process_ends_no_shell(fragile: Yard, step: tuple[str, int]):
    person = Person(fragile, "ben")
    session = person.open_shell(*step)
    with person.at(session) as screen:
        screen.until_open()
        screen.type("echo be''fore\r")
        screen.until("before")
        kill(fragile.processes("uvicorn")[0])
        until(lambda: not screen.hear(1) and screen.code is not None, what="the broken line")
    fragile.wait_healthy()
    with person.at(session, cursor=screen.cursor) as again:
        again.type("echo af''ter\rexit\r")
        assert "before" not in again.until("after")
        again.until_end()


def test_a_worker_that_is_told_to_stop_closes_its_shells_first(fragile: Yard, step: tuple[str, int]):
    person = Person(fragile, "cleo")
    session = person.open_shell(*step)
    with person.at(session) as screen:
        screen.until_open()
        kill(fragile.processes("celery -A imageyard worker")[0], signal.SIGTERM)
        assert screen.until_end(timeout_s=PATIENCE_S).startswith("The worker shuts down.")
    until(lambda: containers(fragile, session) == [], what="the end of the container")
