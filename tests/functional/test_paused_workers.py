"""A real worker that is paused, started again while paused, resumed, and drained: builds wait, and none is cut off."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tests.functional.breakable import Fragile, is_alive, kill
from tests.yard import Yard, fresh, until

PATIENCE_S = 90
ASKED = "SELECT 1 FROM builds_source WHERE probe_state = 'asked'"


@pytest.fixture
def own(fragile: Fragile) -> Yard:
    """A yard whose worker may be drained. SIGTERM leaves its builds one second, so that a drain can be told from it."""
    return fragile.yard


def alive(yard: Yard) -> list[dict[str, Any]]:
    return [worker for worker in yard.get("/workers")["items"] if worker["alive"]]


def next_worker(yard: Yard, name: str) -> dict[str, Any]:
    """The worker that came after `name`."""
    return until(
        lambda: next((worker for worker in alive(yard) if worker["name"] != name), None),
        timeout_s=PATIENCE_S,
        what="another worker",
    )


def test_10_a_paused_worker_takes_nothing_even_when_it_is_started_again_and_goes_on_when_it_is_resumed(
    own: Yard, base_image: str
):
    """10. Pause and resume."""
    [worker] = alive(own)
    assert 0 < worker["disk_free_bytes"] <= worker["disk_total_bytes"]
    assert 0 < worker["memory_free_bytes"] <= worker["memory_total_bytes"]
    pause = own.send("POST", "/pauses", {"host": worker["host"], "reason": "disk exchange"}, status=201)
    build = own.link("paused/host").start({"Dockerfile": fresh(base_image)})
    assert f"{worker['host']}: Paused by admin since" in own.build(build["id"])["sentence"]
    kill(own.processes("celery -A imageyard worker")[0], signal.SIGKILL)
    again = next_worker(own, worker["name"])
    assert not again["takes_builds"]
    # Bells have rung for whatever may start, and were heard: the worker has gone on to what came behind them.
    for number in range(2):
        own.ring("builds.tick", "builds.run_next")
        own.link(f"paused/looked-at-{number}")
        until(lambda: not own.sql(ASKED), timeout_s=PATIENCE_S, what="a look at a source")
    waiting = own.build(build["id"])
    assert (waiting["state"], waiting["attempt"]) == ("queued", 0), waiting["sentence"]
    own.send("DELETE", f"/pauses/{pause['id']}", status=204)
    assert own.wait(build["id"], timeout_s=PATIENCE_S)["state"] == "succeeded"


def test_10_a_paused_queue_lets_what_runs_go_on_and_nothing_else_start(own: Yard, base_image: str):
    """10. Pause the queue."""
    running = own.link("paused/running").start({"Dockerfile": fresh(base_image, "RUN echo began; sleep 4")})
    own.wait_log(running["id"], b"began\n")
    pause = own.send("POST", "/pauses", {"reason": "move of the registry"}, status=201)
    waiting = own.link("paused/waiting").start({"Dockerfile": fresh(base_image)})
    assert own.wait(running["id"], timeout_s=PATIENCE_S)["state"] == "succeeded"
    told = own.build(waiting["id"])
    assert (told["state"], told["attempt"]) == ("queued", 0)
    assert told["sentence"].startswith("Paused by admin since ")
    assert told["sentence"].endswith(": move of the registry. It starts when the pause ends.")
    own.send("DELETE", f"/pauses/{pause['id']}", status=204)
    assert own.wait(waiting["id"], timeout_s=PATIENCE_S)["state"] == "succeeded"


def test_10_a_drained_worker_ends_what_it_runs_and_leaves_and_the_next_one_takes_over(own: Yard, base_image: str):
    """10. Drain: unlike SIGTERM, which would hand this build back after a second."""
    [worker] = alive(own)
    process = own.processes("celery -A imageyard worker")[0]
    build = own.link("drained/long").start({"Dockerfile": fresh(base_image, "RUN echo began; sleep 6; echo ended")})
    own.wait_log(build["id"], b"began\n")
    drained = own.send("POST", f"/workers/{worker['id']}/drain", status=202)
    assert drained["sentence"].startswith("Drained by admin: it ends what it has")
    late = own.link("drained/late").start({"Dockerfile": fresh(base_image)})
    build = own.wait(build["id"], timeout_s=PATIENCE_S)
    assert (build["state"], build["attempt"]) == ("succeeded", 1), build["sentence"]
    until(lambda: not is_alive(process), timeout_s=PATIENCE_S, what="the end of the drained worker")
    late = own.wait(late["id"], timeout_s=PATIENCE_S)
    assert (late["state"], late["attempt"]) == ("succeeded", 1)
    assert next_worker(own, worker["name"])["takes_builds"]
    [gone] = [row for row in own.get("/workers")["items"] if row["id"] == worker["id"]]
    assert gone["sentence"] == "Drained by admin; it left in good order."
    own.send("DELETE", f"/workers/{worker['id']}", status=204)
    assert worker["id"] not in [row["id"] for row in own.get("/workers")["items"]]
