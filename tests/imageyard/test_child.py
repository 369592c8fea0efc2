"""A child process: its log, its end, and that it never outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imageyard.supervisor import child as child_module
from imageyard.supervisor.child import Child, PartError, wait_until


def eventually(check: object, seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if check():
            return True
        time.sleep(0.02)
    return False


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def test_it_writes_what_a_child_says_into_its_log(tmp_path: Path) -> None:
    child = Child("talker", ["sh", "-c", "echo out; echo err >&2"], log=tmp_path / "log" / "talker.log")
    child.start()
    child.wait(5)
    assert child.last_lines() == "out\nerr"


def test_it_ends_a_child_that_ignores_sigterm_and_its_whole_group(tmp_path: Path) -> None:
    script = "trap '' TERM; sleep 60 & echo $!; wait"
    child = Child("deaf", ["sh", "-c", script], log=tmp_path / "deaf.log")
    child.start()
    assert eventually(child.last_lines)
    grandchild = int(child.last_lines())
    child.stop(grace_s=0.2)
    assert child.exit_code == -signal.SIGKILL
    assert eventually(lambda: not is_running(grandchild))


def test_it_leaves_no_child_behind_when_the_parent_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from imageyard.supervisor.child import Child\n"
        f"child = Child('sleeper', ['sleep', '60'], log=Path({str(tmp_path / 'log')!r})); child.start()\n"
        "print(child.process.pid, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        assert eventually(lambda: Path(f"/proc/{pid}/comm").read_text() == "sleep\n")
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    assert eventually(lambda: not is_running(pid))


def test_it_says_why_a_child_did_not_get_ready(tmp_path: Path) -> None:
    child = Child("The server", ["sh", "-c", "echo no licence; exit 3"], log=tmp_path / "log")
    child.start()
    with pytest.raises(PartError, match=r"The server ended with exit code 3 while it started(.|\n)*no licence"):
        wait_until(lambda: False, child, timeout_s=5, waiting_for="the server to answer")


def test_it_puts_a_long_log_aside_when_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "ROTATE_BYTES", 4)
    log = tmp_path / "log"
    log.write_text("an old log\n")
    child = Child("talker", ["echo", "new"], log=log)
    child.start()
    child.wait(5)
    assert log.read_text() == "new\n"
    assert (tmp_path / "log.1").read_text() == "an old log\n"
