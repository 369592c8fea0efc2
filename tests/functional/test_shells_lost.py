"""Workers and web killed under an open shell: no container is left behind, and it is said."""

from __future__ import annotations

import signal

import pytest

from tests.functional.breakable import Fragile, kill
from tests.functional.shells import Person
from tests.functional.test_debug_images import debugged, failed
from tests.functional.test_shells import containers
from tests.yard import Yard, fresh, until

# A worker is taken for dead after 45 s, and what it left is swept every half minute.
PATIENCE_S = 150


@pytest.fixture(scope="module")
def yard(fragile: Fragile) -> Yard:
    return fragile.yard


@pytest.fixture(scope="module")
def step(yard: Yard, base_image: str) -> tuple[str, int]:
    linked, build = failed(yard, fresh(base_image, "RUN false"))
    debugged(yard, build)
    return linked.path, build["number"]


@pytest.mark.timeout(500)
def test_a_killed_worker_leaves_no_container_and_another_shell_can_be_had(yard: Yard, step: tuple[str, int]):
    person = Person(yard, "ann")
    session = person.open_shell(*step)
    with person.at(session) as screen:
        screen.until_open()
        kill(yard.processes("celery -A imageyard worker")[0])
        assert screen.until_end(timeout_s=PATIENCE_S) == "The worker that ran it disappeared. Open another shell."
    until(lambda: containers(yard, session) == [], timeout_s=PATIENCE_S, what="the sweep")
    with person.at(person.open_shell(*step)) as screen:
        screen.until_open()
        screen.type("exit\r")
        screen.until_end()


def test_a_killed_web_process_ends_no_shell(yard: Yard, step: tuple[str, int]):
    person = Person(yard, "ben")
    session = person.open_shell(*step)
    with person.at(session) as screen:
        screen.until_open()
        screen.type("echo be''fore\r")
        screen.until("before")
        kill(yard.processes("uvicorn")[0])
        until(lambda: not screen.hear(1) and screen.code is not None, what="the broken line")
    yard.wait_healthy()
    with person.at(session, cursor=screen.cursor) as again:
        again.type("echo af''ter\rexit\r")
        assert "before" not in again.until("after")
        again.until_end()


def test_a_worker_that_is_told_to_stop_closes_its_shells_first(yard: Yard, step: tuple[str, int]):
    person = Person(yard, "cleo")
    session = person.open_shell(*step)
    with person.at(session) as screen:
        screen.until_open()
        kill(yard.processes("celery -A imageyard worker")[0], signal.SIGTERM)
        assert screen.until_end(timeout_s=PATIENCE_S).startswith("The worker shuts down.")
    until(lambda: containers(yard, session) == [], what="the end of the container")
