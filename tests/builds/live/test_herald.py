"""Telling pages from a thread: together, each once, and never in the way of a process that ends."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest

from builds.live.herald import Herald


def test_it_tells_each_topic_once_however_often_it_was_given():
    told: list[str] = []

    async def send(topics: list[str]) -> None:
        told.extend(topics)

    herald = Herald(send)
    for _ in range(50):
        herald.tell(["builds", "queue"])
    assert herald.wait()
    assert set(told) == {"builds", "queue"}
    assert len(told) < 50


def test_it_does_not_make_the_one_who_tells_wait():
    may_end = asyncio.Event()

    async def send(_: list[str]) -> None:
        await may_end.wait()

    herald = Herald(send)
    herald.tell(["builds"])
    herald.tell(["queue"])
    assert not herald.wait(0.05)


def test_it_speaks_on_in_a_forked_process():
    async def send(_: list[str]) -> None: ...

    herald = Herald(send)
    herald.tell(["builds"])
    assert herald.wait()
    child = os.fork()
    if child == 0:
        herald.tell(["queue"])
        os._exit(0 if herald.wait() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.slow
def test_it_keeps_no_process_from_ending():
    script = (
        "import asyncio, django\ndjango.setup()\nfrom builds.live.herald import Herald\n"
        "async def send(topics): await asyncio.sleep(60)\nHerald(send).tell(['builds'])\n"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=20, check=False).returncode == 0
