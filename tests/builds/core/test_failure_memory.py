"""Out of memory is named as such, with the step and the limit, and nothing else is called that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from builds.core.failure import explain_failure
from builds.core.failure_memory import MemoryKill, MemoryReport, judge_kill, read_kills
from tests.builds.core.rawjson import book_of, read, recorded

KERNEL = Path(__file__).parents[2] / "data" / "kernel"
# When the clock of the recorded kernel's log began.
BOOTED = datetime(2026, 11, 25, 9, 41, 3, 47803, tzinfo=UTC) - timedelta(microseconds=28358013137)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MACHINE_WIDE = [
    (
        "6,1,1000,-;oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=x,mems_allowed=0,global_oom,"
        "task_memcg=/docker/buildkit/abc,task=cc1plus,pid=7,uid=0"
    ),
    "3,2,1001,-;Out of memory: Killed process 7 (cc1plus) total-vm:9000000kB, anon-rss:7900000kB, file-rss:1kB",
]


def kills_of(name: str) -> tuple[MemoryKill, ...]:
    return read_kills((KERNEL / f"{name}.kmsg").read_text().splitlines(), booted=BOOTED)


def kill(at: datetime = NOON, group: str = "/docker/buildkit/abc", limit: int | None = 8_000_000_000) -> MemoryKill:
    return MemoryKill("cc1plus", group, 7_900_000_000, limit, at)


def judged(report: MemoryReport, *, exit_code: int | None = 137, output: str = "", noticed: bool = False):
    began, ended = NOON - timedelta(minutes=3), NOON + timedelta(seconds=1)
    return judge_kill(report, exit_code=exit_code, noticed=noticed, output=output, began=began, ended=ended)


def test_it_reads_the_recorded_log_of_a_kernel_that_killed_a_step():
    (found,) = kills_of("step-killed")
    assert (found.process, found.used_bytes, found.limit_bytes) == ("tail", 33_554_432, 33_554_432)
    assert found.group.startswith("/docker/buildkit/")


def test_it_reads_a_kill_for_which_the_whole_machine_had_no_memory():
    (found,) = read_kills(MACHINE_WIDE, booted=NOON)
    assert (found.process, found.used_bytes, found.limit_bytes) == ("cc1plus", 7_900_000 * 1024, None)


@pytest.mark.parametrize("garbage", ["", ";", "a,b,c;memory: usage 1kB", "3,2,x,-;Killed process 7 (x", "\0" * 9])
def test_it_reads_no_kill_out_of_anything_else(garbage):
    assert read_kills([garbage], booted=NOON) == ()


def test_05_out_of_memory_is_named_with_the_step_and_the_limit():
    """Point 5: out of memory named as such with the step and the limit, from a step that was really killed for it."""
    name = "memory/step-killed"
    tail = read(recorded(name))[1].tail
    error = explain_failure(book_of(name), tail, 1, memory=MemoryReport(kills_of("step-killed"), 1, 25_276_502_016))
    assert (error.kind, error.retryable, error.dockerfile_line) == ("limit", False, 2)
    assert error.message.startswith("Step 2 of 2 (`RUN trap 'go=1' USR1;")
    assert "Dockerfile line 2) was killed for using 33.6 MB of 33.6 MB (process `tail`)." in error.message


def test_05_a_child_that_was_killed_for_memory_is_told_apart_from_an_exit_code():
    name = "memory/child-killed"
    tail = [*read(recorded(name))[1].tail]
    error = explain_failure(book_of(name), tail, 1, memory=MemoryReport(kills_of("child-killed"), 1, None))
    # The shell said "Killed" of its child; the step itself ended with exit code 2.
    assert (error.kind, "was killed for using 33.6 MB of 33.6 MB" in error.message) == ("limit", True)


VERDICTS = [
    (
        "the kernel's log",
        MemoryReport((kill(),), 1),
        True,
        "was killed for using 7.9 GB of 8.0 GB (process `cc1plus`).",
    ),
    (
        "the whole machine",
        MemoryReport((kill(limit=None),), 1, 8_000_000_000),
        True,
        "using 7.9 GB of the 8.0 GB that the builder's host has",
    ),
    ("its count alone", MemoryReport((), 2, 8_000_000_000), True, "ended 2 processes for that reason in this time."),
    ("no kill counted", MemoryReport((), 0, 8_000_000_000), False, "but not for want of memory"),
    ("another host", MemoryReport(), None, "most likely because the builder ran out of memory"),
    ("another step's", MemoryReport((kill(NOON - timedelta(hours=1)),), 0), False, "but not for want of memory"),
    ("after the end", MemoryReport((kill(NOON + timedelta(minutes=1)),), None), None, "most likely because"),
    ("another container's", MemoryReport((kill(group="/docker/abc"),), None), None, "most likely because"),
    ("others' alone", MemoryReport((kill(group="/docker/abc"),), 1), False, "but not for want of memory"),
    (
        "under systemd",
        MemoryReport((kill(group="/system.slice/docker-abc.scope"),), 1),
        True,
        "was killed for using 7.9 GB of 8.0 GB",
    ),
    (
        "a container long before the end",
        MemoryReport((kill(NOON - timedelta(minutes=2), "/system.slice/docker-abc.scope"),), None),
        None,
        "most likely because",
    ),
]


@pytest.mark.parametrize(
    ("report", "is_memory", "says"), [row[1:] for row in VERDICTS], ids=[row[0] for row in VERDICTS]
)
def test_05_a_killed_step_is_called_out_of_memory_by_evidence_alone(report, is_memory, says):
    found = judged(report)
    assert found is not None
    assert found.is_memory is is_memory
    assert says in found.sentence
    assert found.sentence.endswith(".")


def test_it_believes_buildkit_which_names_the_want_of_memory_in_place_of_the_exit_code():
    text = 'process "/bin/sh -c make" did not complete successfully: cannot allocate memory'
    error = explain_failure(book_of("fail-exit-42"), [f"ERROR: failed to build: failed to solve: {text}"], 1)
    assert (error.kind, "was killed for want of memory." in error.message) == ("limit", True)


@pytest.mark.parametrize(
    "output",
    [
        "x86_64-linux-gnu-g++: fatal error: Killed signal terminated program cc1plus",
        "/bin/sh: line 1:  12 Killed                  node build.js",
        "go build: signal: killed",
        "Killed",
    ],
)
def test_it_takes_what_compilers_say_of_a_killed_child_for_a_kill_if_the_kernel_says_so_too(output):
    killed = judged(MemoryReport((kill(),), 1), exit_code=2, output=f"building\n{output}\n")
    assert killed is not None
    assert killed.is_memory
    assert judged(MemoryReport((), 1), exit_code=2, output=output) is None


def test_it_says_nothing_of_memory_where_nothing_was_killed():
    assert judged(MemoryReport((kill(),), 1), exit_code=1, output="error: skills missing") is None
