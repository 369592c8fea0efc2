"""Tests in a hurry: one takes too long, one wants too much, and a worker is killed in the middle of one."""

from __future__ import annotations

import signal

import pytest

from tests.functional.breakable import Fragile, kill
from tests.functional.test_autotest import compose, left_of
from tests.yard import Yard, fresh, until


@pytest.fixture
def hurried(fragile: Fragile) -> Yard:
    """A yard whose tests have little memory and time, and whose leases are short."""
    return fragile.yard


def test_a_test_that_takes_too_long_is_stopped_and_one_that_wants_too_much_memory_is_told_so(
    hurried: Yard, base_image: str
):
    linked = hurried.link("autotest/slow")
    sut = {"image": "this", "command": ["sh", "-c", "echo here; sleep 600"]}
    slow = linked.start({"Dockerfile": fresh(base_image), "docker-compose.test.yml": compose(sut=sut)})

    linked = hurried.link("autotest/hungry")
    sut = {"image": "this", "command": ["sh", "-c", "head -c 200m /dev/zero | tail"], "mem_limit": "8g"}
    hungry = linked.build({"Dockerfile": fresh(base_image), "docker-compose.test.yml": compose(sut=sut)})
    assert hungry["state"] == "failed"
    assert "16" in hungry["sentence"] or "ended with exit code 137. It was killed." in hungry["sentence"]

    slow = hurried.wait(slow["id"])
    assert (slow["state"], slow["error"]["kind"]) == ("failed", "timeout")
    assert "did not end within 12 s and was stopped" in slow["sentence"]
    assert "No tag but `build-1` was moved." in slow["sentence"]
    assert b"sut-1  | here" in hurried.log(slow["id"])
    assert left_of(hurried, slow) == []


def test_q02_a_worker_killed_in_a_test_leaves_nothing_and_the_next_attempt_passes(hurried: Yard, base_image: str):
    linked = hurried.link("autotest/lost")
    sut = {"image": "this", "command": ["sh", "-c", "echo began; sleep 3"], "depends_on": ["db"]}
    db = {"image": base_image, "command": "sleep 600", "volumes": ["data:/data"]}
    file = compose(sut=sut, db=db)[:-1] + ', "volumes": {"data": {}}}'
    build = linked.start({"Dockerfile": fresh(base_image), "docker-compose.test.yml": file})
    hurried.wait_log(build["id"], b"began")
    first = hurried.build(build["id"])
    assert len(left_of(hurried, first)) >= 4
    kill(hurried.processes("celery -A imageyard worker")[0], signal.SIGKILL)
    last = hurried.wait(build["id"], timeout_s=90)
    assert (last["state"], last["attempt"]) == ("succeeded", 2), last["sentence"]
    assert [row["state"] for row in last["tests"]] == ["passed"]
    until(lambda: left_of(hurried, first) == [], timeout_s=90, what="the sweep")
    assert left_of(hurried, last) == []
