"""Builds that fail for real: what failed, what it printed, what to try; and one that is killed for want of memory."""

from __future__ import annotations

import os
import signal
import uuid
from pathlib import Path

import pytest

from tests.yard import Yard, fresh, until

LIMIT = 32 * 1024 * 1024
CGROUPS = Path("/sys/fs/cgroup")


@pytest.fixture(scope="module", autouse=True)
def silent(yard: Yard, base_image: str) -> int:
    """A build that takes longer than it may, while other tests run beside it."""
    rule = {"ref_type": "branch", "pattern": "main", "tags": ["latest"], "timeout_s": 10}
    linked = yard.link("digest/slow", rules=[rule])
    return int(linked.start({"Dockerfile": fresh(base_image, "RUN echo began; sleep 7171")})["id"])


def test_05_a_failed_build_tells_what_failed_what_it_printed_and_that_it_came_again(yard: Yard, base_image: str):
    """Point 5: the digest of a build that fails for real, and failures alike grouped over two of them.

    Point 2: lines, layers and outcome from the provenance of a good build; the failing line of a bad one.
    """
    linked = yard.link("digest/fails")
    lines = ["RUN echo one \\", "    > /one", "COPY a.txt /a.txt"]
    good = linked.build({"Dockerfile": fresh(base_image, *lines), "a.txt": "a"})
    assert good["state"] == "succeeded", good["sentence"]
    told = yard.get(f"/builds/{good['id']}/dockerfile")
    spans = [(one["first_line"], one["last_line"], one["outcome"]) for one in told["instructions"]]
    assert spans[1:] == [(3, 4, "ran"), (5, 5, "ran")]
    # Sizes are in the provenance, which is read once the tags are there.
    until(
        lambda: all(one["layer_bytes"] for one in yard.get(f"/builds/{good['id']}/dockerfile")["instructions"]),
        what="the sizes of the layers",
    )

    wrong = "RUN exec 2>&1; for n in $(seq 30); do echo line $n; done; cat /no/such/file"
    first, last = (linked.build({"Dockerfile": fresh(base_image, *lines, wrong)}) for _ in range(2))
    assert last["state"] == "failed", last["sentence"]
    told = yard.get(f"/builds/{last['id']}/failure")
    assert (told["kind"], told["fault"], told["dockerfile_line"]) == ("user", "your build", 6)
    assert told["message"] == last["error"]["message"]
    assert [line["number"] for line in told["lines"]] == list(range(12, 32))
    assert told["lines"][-1]["text"] == "cat: can't open '/no/such/file': No such file or directory"
    assert told["hints"][0]["line"] == 31
    assert told["alike"]["sentence"].startswith(
        f"The same failure ended 2 of the last 2 builds, first #{first['number']} ("
    )
    assert yard.get(f"/repositories/{linked.path}/failures")["failures"][0]["builds"] == [
        last["number"],
        first["number"],
    ]

    told = yard.get(f"/builds/{last['id']}/dockerfile")
    assert [line["number"] for line in told["lines"] if line["failed"]] == [6]
    outcomes = {one["first_line"]: one["outcome"] for one in told["instructions"]}
    # The base image stands on line 1, in the cache or not; the other steps may be in the cache of the build before.
    assert (sorted(outcomes), outcomes[6]) == ([1, 3, 5, 6], "failed")


def test_05_a_step_that_the_kernel_kills_for_memory_is_named_so_with_its_limit(yard: Yard, base_image: str):
    """Point 5: out of memory named as such with the step and the limit, by a step that is really killed for it."""
    linked = yard.link("digest/memory")
    nonce = uuid.uuid4().hex
    # It waits until its memory is limited, then takes all there is.
    eats = f"RUN trap 'go=1' USR1; : {nonce}; echo ready; until [ \"$go\" ]; do sleep 0.1; done; tail /dev/zero"
    build = linked.start({"Dockerfile": fresh(base_image, eats)})
    process = until(lambda: _process(nonce), what="the step's process")
    _limit(process, LIMIT)
    os.kill(process, signal.SIGUSR1)
    build = yard.wait(build["id"])
    assert (build["state"], build["error"]["kind"]) == ("failed", "limit"), build["sentence"]
    assert build["error"]["dockerfile_line"] == 3
    assert "was killed for" in build["sentence"]
    told = yard.get(f"/builds/{build['id']}/failure")
    assert told["out_of_memory"]
    assert "fewer jobs" in told["what_to_try"]
    if os.access("/dev/kmsg", os.R_OK):
        assert "was killed for using 33.6 MB of 33.6 MB (process `tail`)." in build["sentence"]


def test_05_a_step_that_times_out_says_for_how_long_it_was_silent(yard: Yard, silent: int):
    """Point 5: a timeout of a silent step is told apart from that of a busy one."""
    build = yard.wait(silent)
    assert (build["state"], build["error"]["kind"]) == ("failed", "timeout"), build["sentence"]
    told = yard.get(f"/builds/{build['id']}/failure")
    assert ([line["text"] for line in told["lines"]], told["fault"]) == (["began"], "timeout")
    assert told["silent_s"] > 0
    assert "printed nothing for its last" in told["what_to_try"]


def _process(nonce: str) -> int:
    """The shell of the step, seen from outside of its container; 0 while there is none."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if command.startswith(b"/bin/sh\0-c\0") and nonce.encode() in command:
            return int(process.name)
    return 0


def _limit(process: int, size_bytes: int) -> None:
    """Give the group of a process no more memory than this, by either version of cgroups."""
    try:
        rows = [row.split(":", 2) for row in Path(f"/proc/{process}/cgroup").read_text().splitlines()]
    except PermissionError:
        pytest.skip("Only root may look at the processes of an engine.")
    old = next((path for _, controllers, path in rows if controllers == "memory"), "")
    file = CGROUPS / "memory" / old.lstrip("/") / "memory.limit_in_bytes"
    if not old:
        file = CGROUPS / next(path for number, _, path in rows if number == "0").lstrip("/") / "memory.max"
    try:
        file.write_text(str(size_bytes))
    except OSError as error:
        pytest.skip(f"The memory of a step cannot be limited here: {error}.")
