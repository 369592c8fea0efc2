"""Workers, Redis, web and builder killed in the middle of builds: nothing is lost, doubled or stuck, and it is said."""

from __future__ import annotations

import json
import signal
import time
from typing import Any

import pytest

from imageyard.supervisor.ports import http_status
from tests.functional.breakable import Follower, Fragile, is_alive, kill, kill_redis, parent_of, start_redis
from tests.yard import Linked, Yard, fresh, until

# Two ticks, a pause before another attempt, a worker that starts, on a machine with other things to do.
PATIENCE_S = 90
BRANCHES = [{"ref_type": "branch", "pattern": "/.*/", "tags": ["{sourceref}"]}]


@pytest.fixture
def began(fragile: Fragile, base_image: str):
    """Link a repository and start a build whose one step prints and then sleeps for a while; it has begun."""

    def start(path: str, seconds: int = 4, **fields: Any) -> tuple[Linked, dict[str, Any]]:
        linked = fragile.yard.link(path, rules=BRANCHES, **fields)
        build = linked.start({"Dockerfile": fresh(base_image, f"RUN echo began; sleep {seconds}; echo ended")})
        fragile.yard.wait_log(build["id"], b"began\n")
        return linked, build

    return start


TICK_S = 2.0


def second_attempt(yard: Yard, build: dict[str, Any], *, hurry: bool = True) -> list[str]:
    """Wait until the build runs again; the sentences it had meanwhile. With `hurry`, beat's bell rings more often."""
    sentences: list[str] = []
    rows: list[tuple[Any, ...]] = []
    rung = time.monotonic()

    def again() -> bool:
        nonlocal rung
        (row,) = yard.sql("SELECT attempt, state, wait_reason FROM builds_build WHERE id = ?", build["id"])
        if row not in rows:
            rows.append(row)
            sentences.append(yard.build(build["id"])["sentence"])
        if hurry and time.monotonic() - rung > TICK_S:
            yard.ring("builds.tick")
            rung = time.monotonic()
        return bool(row[0] == 2 and row[1] != "queued")

    until(again, timeout_s=PATIENCE_S, what="the second attempt")
    return sentences


def test_12_a_full_disk_is_no_fault_of_the_commit_and_loses_nothing(fragile: Fragile, base_image: str):
    """12. A platform fault is told apart from a user's fault, and does not use up the user's retries.

    Below the limit nothing is claimed at all.
    """
    yard = fragile.yard
    linked = yard.link("lost/disk")
    worker = yard.processes("celery -A imageyard worker")[0]
    # While the yard's own worker looks away, another one hears the bell whose disk is too small for it.
    kill(worker, signal.SIGSTOP)
    try:
        build = linked.start({"Dockerfile": fresh(base_image)})
        take = "from builds.pipeline import run_until_idle; run_until_idle('small-disk-1')"
        yard.shell(take, IMAGEYARD_MIN_FREE_GB="1000000")
        waiting = yard.build(build["id"])
    finally:
        kill(worker, signal.SIGCONT)
    assert (waiting["state"], waiting["attempt"]) == ("queued", 0)
    build = yard.wait(build["id"], timeout_s=PATIENCE_S)
    assert (build["state"], build["attempt"], build["tags"]) == ("succeeded", 1, ["latest"]), build["sentence"]


def test_q02_3_a_killed_slot_gives_its_build_to_a_second_attempt(fragile: Fragile, began):
    """3. A build runs under a lease; a worker that lost it can change nothing."""
    yard = fragile.yard
    _, build = began("lost/slot")
    buildx = yard.processes("build --progress=rawjson")[0]
    kill(parent_of(buildx))
    until(lambda: not is_alive(buildx), timeout_s=10)
    sentences = second_attempt(yard, build, hurry=False)
    assert any("The worker that ran this build disappeared at" in sentence for sentence in sentences), sentences
    assert any("(attempt 2 of 3)" in sentence for sentence in sentences), sentences
    assert yard.pushed_tags("lost/slot") == set()
    assert b"began\n" in yard.log(build["id"], attempt=1)
    build = yard.wait(build["id"], timeout_s=PATIENCE_S)
    assert (build["state"], build["attempt"], build["tags"]) == ("succeeded", 2, ["main"]), build["sentence"]
    assert b"ended\n" not in yard.log(build["id"], attempt=1)
    assert b"ended\n" in yard.log(build["id"])


def test_q02_q04_a_killed_worker_comes_back_and_a_cancelled_build_does_not(fragile: Fragile, began):
    """4. No build is ever stuck."""
    yard = fragile.yard
    linked, build = began("lost/worker")
    linked.git.git("push", "-q", "origin", "HEAD:refs/heads/other", "HEAD:refs/heads/third")
    cancelled, waiting = linked.trigger("other"), linked.trigger("third")
    assert yard.send("POST", f"/builds/{cancelled['id']}/cancel", status=202)["state"] == "cancelled"
    buildx = yard.processes("build --progress=rawjson")[0]
    before = fragile.restart_of_worker(signal.SIGKILL)
    until(lambda: not any(is_alive(pid) for pid in (*before, buildx)), timeout_s=10)
    second_attempt(yard, build)
    until(lambda: not (yard.home / "work" / f"{build['id']}.1").exists(), timeout_s=PATIENCE_S)
    assert yard.wait(build["id"], timeout_s=PATIENCE_S)["state"] == "succeeded"
    assert yard.wait(waiting["id"], timeout_s=PATIENCE_S)["state"] == "succeeded"
    cancelled = yard.build(cancelled["id"])
    assert (cancelled["state"], cancelled["attempt"], cancelled["steps"]) == ("cancelled", 0, [])
    assert yard.pushed_tags("lost/worker") == {"build-1", "build-3", "main", "third"}


def test_q02_a_worker_that_is_told_to_stop_hands_its_build_back(fragile: Fragile, began):
    yard = fragile.yard
    _, build = began("lost/drained", seconds=5)
    before = fragile.restart_of_worker(signal.SIGTERM)
    until(lambda: not is_alive(before[0]), timeout_s=30)
    sentences = second_attempt(yard, build)
    assert not any("of 3" in sentence for sentence in sentences), f"that is no failure: {sentences}"
    build = yard.wait(build["id"], timeout_s=PATIENCE_S)
    assert (build["state"], build["attempt"]) == ("succeeded", 2), build["sentence"]
    assert b"began\n" in yard.log(build["id"], attempt=1)


def test_q01_a_bell_that_rings_twice_starts_one_run(fragile: Fragile, began):
    yard = fragile.yard
    _, build = began("lost/twice", seconds=2)
    yard.ring(*["builds.run_next"] * 6)
    build = yard.wait(build["id"])
    assert (build["state"], build["attempt"]) == ("succeeded", 1)
    assert yard.log(build["id"]).count(b"began\n") == 1


def test_2_builds_go_on_when_every_message_in_redis_is_lost(fragile: Fragile, base_image: str):
    """2. Losing every message in Redis delays builds by at most one tick, and never loses or doubles one."""
    yard = fragile.yard
    linked = [yard.link(f"lost/bell-{number}") for number in range(3)]
    worker = yard.processes("celery -A imageyard worker")[0]
    kill(worker, signal.SIGSTOP)
    try:
        builds = [one.start({"Dockerfile": fresh(base_image)}) for one in linked]
        fragile.flush()
    finally:
        kill(worker, signal.SIGCONT)
    for started in builds:
        build = yard.wait(started["id"], timeout_s=PATIENCE_S)
        assert (build["state"], build["attempt"]) == ("succeeded", 1), build["sentence"]
    # And the bell rings again afterwards: the queue that it goes to was forgotten too.
    assert linked[0].build({"a": "b"})["state"] == "succeeded"


PRINTED = 200
PRINTING = f"RUN i=0; while [ $i -lt {PRINTED} ]; do echo line $i; i=$((i+1)); sleep 0.05; done; printf 'the end'"


def test_5_no_line_is_lost_or_doubled_when_redis_and_then_web_are_killed_in_the_middle(
    fragile: Fragile, base_image: str
):
    """5. No log byte is lost or reordered within a step, whatever the viewer, Redis or the web process does."""
    yard = fragile.yard
    linked, late = yard.link("lost/middle"), yard.link("lost/late")
    build = linked.start({"Dockerfile": fresh(base_image, PRINTING)})
    follower = Follower(yard, build["id"])
    follower.wait_line("line 30")
    kill_redis(fragile.redis)
    # A push is taken all the same; that it came is in the database.
    pushed = late.start({"Dockerfile": fresh(base_image)})
    follower.wait_line("line 60")
    start_redis(fragile.redis)
    follower.wait_line("line 100")
    # Who follows has come over the end of Redis; now over that of web.
    connects = follower.connects
    kill(yard.processes("imageyard.asgi")[0])
    until(lambda: follower.connects > connects, timeout_s=60)
    yard.wait_healthy()
    build = yard.wait(build["id"], timeout_s=PATIENCE_S)
    assert (build["state"], build["attempt"]) == ("succeeded", 1), build["sentence"]
    follower.wait()
    assert follower.is_the_stored_log()
    step = next(step for step in build["steps"] if "RUN i=0" in step["name"])
    printed = b"".join(b"line %d\n" % i for i in range(PRINTED)) + b"the end"
    assert yard.log(build["id"], step=step["index"]) == printed
    assert yard.wait(pushed["id"], timeout_s=PATIENCE_S)["state"] == "succeeded"
    # Bells and wake-ups work again, for a build that comes now.
    assert linked.build({"a": "b"}, timeout_s=PATIENCE_S)["state"] == "succeeded"


def test_5_a_log_that_is_too_long_is_cut_and_says_so(fragile: Fragile, base_image: str):
    """5. What is clipped is said."""
    linked = fragile.yard.link("lost/long")
    count = 'awk \'BEGIN{for(i=0;i<40000;i++) print "line", i, "of a log that is too long"}\''
    build = linked.build({"Dockerfile": fresh(base_image, "COPY s /s", "RUN sh /s"), "s": count})
    assert (build["state"], build["log"]["clipped"]) == ("succeeded", True), build["sentence"]
    assert build["log"]["clipped_reason"].startswith("The log is longer than 1 MiB; ")
    assert 1024**2 <= build["log"]["bytes"] < 1024**2 + 1000
    log = fragile.yard.log(build["id"])
    assert b"line 0 of a log that is too long\n" in log
    assert b"[Imageyard: the log is cut here, as it reached 1 MiB. The build goes on.]\n" in log


def test_12_a_builder_that_goes_away_is_no_fault_of_the_commit(fragile: Fragile, began):
    """12. A platform fault is told apart from a user's fault, is retried, and does not use up the user's retries."""
    yard = fragile.yard
    _, build = began("lost/builder")
    fragile.cable.pull()
    try:
        waiting = until(lambda: (b := yard.build(build["id"]))["state"] == "queued" and b, timeout_s=PATIENCE_S)
        assert waiting["sentence"].startswith("The builder went away during step 2 of 2 (`RUN echo began")
        assert "This is not the fault of the commit" in waiting["sentence"]
        assert "(attempt 2 of 3)" in waiting["sentence"]
        answer = until(lambda: (a := http_status(*yard.address, "/readyz", timeout_s=10)) and a[0] == 503 and a)
        parts = json.loads(answer[1])["parts"]
        assert "does not answer" in parts.pop("builder")
        assert set(parts.values()) == {"ok"}
    finally:
        fragile.cable.plug()
    until(lambda: yard.answers("/readyz"), timeout_s=PATIENCE_S)
    # The pause before another attempt is over, and beat's bell rings.
    yard.sql("UPDATE builds_build SET not_before = queued_at WHERE id = ?", build["id"])
    yard.ring("builds.tick")
    build = yard.wait(build["id"], timeout_s=PATIENCE_S)
    assert (build["state"], build["tags"]) == ("succeeded", ["main"]), build["sentence"]
    assert build["error"] is None
