"""`make up` as a process: what it starts, says, restarts and stops."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from imageyard.supervisor.ports import free_port, http_status

CHECKOUT = Path(__file__).resolve().parent.parent.parent
START_S = 90
# Whichever comes first waits for two starts.
pytestmark = pytest.mark.timeout(300)


class Run:
    """One supervisor and what it says."""

    def __init__(self, home: Path, docker_host: str, **variables: str) -> None:
        self.home = home
        self.output = home.with_name(f"{home.name}.{free_port()}.out")
        self.port = free_port()
        # Nor the tests' own settings, which pytest-django hands down.
        foreign = ("IMAGEYARD_", "DJANGO_", "PYTEST_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        for name in ("DATABASE_URL", "REDIS_URL"):
            kept.pop(name, None)
        self.environ = {
            **kept,
            "DOCKER_HOST": docker_host,
            "IMAGEYARD_HOME": str(home),
            "IMAGEYARD_HTTP": f"127.0.0.1:{self.port}",
            "IMAGEYARD_REGISTRY": f"127.0.0.1:{free_port()}",
            "IMAGEYARD_SLOTS": "1",
            "IMAGEYARD_DRAIN_S": "5",
            "IMAGEYARD_MIN_FREE_GB": "0",
            **variables,
        }
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "imageyard.supervisor"],
                cwd=CHECKOUT,
                env=self.environ,
                stdout=output,
                stderr=output,
            )

    @property
    def said(self) -> str:
        return self.output.read_text()

    def wait_started(self) -> float:
        """Seconds it says it took."""
        assert eventually(lambda: "Imageyard runs: " in self.said or self.process.poll() is not None, START_S)
        found = re.search(r"started in ([0-9.]+) s", self.said)
        assert found, self.said
        return float(found[1])

    def children(self) -> dict[int, str]:
        """Process id and command of everything below it."""
        rows = subprocess.run(["ps", "-eo", "pid,ppid,args"], check=True, capture_output=True, text=True).stdout
        table = [line.split(None, 2) for line in rows.splitlines()[1:]]
        below = {self.process.pid}
        for _ in range(6):
            below |= {int(pid) for pid, parent, _ in table if int(parent) in below}
        return {int(pid): args for pid, _, args in table if int(pid) in below - {self.process.pid}}

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


def eventually(check: Callable[[], object], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if check():
            return True
        time.sleep(0.05)
    return False


def gone(pids: dict[int, str]) -> bool:
    """Whether none of them runs. An ended one may wait as a zombie for this process, which adopts orphans once the
    engine's tests ran in it."""
    return not any(_runs(pid) for pid in pids)


def _runs(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def answers(run: Run) -> bool:
    said = http_status("127.0.0.1", run.port, "/healthz")
    return said is not None and said[0] == 200


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="iy-up-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "home"


@pytest.fixture
def up(home: Path, docker_host: str) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def start(at: Path = home, **variables: str) -> Run:
        runs.append(Run(at, docker_host, **variables))
        return runs[-1]

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.stop()


@dataclass
class Lives:
    """One home that a supervisor starts on again and again: what is left of the ended run, and the one that runs."""

    ended: Run
    children: dict[int, str]
    code: int
    run: Run
    started_s: float


@pytest.fixture(scope="module")
def lives(docker_host: str) -> Iterator[Lives]:
    """One that was started on an empty home, ended by SIGTERM, started again, and goes on running."""
    with tempfile.TemporaryDirectory(prefix="iy-up-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        runs = [Run(Path(folder) / "home", docker_host)]
        try:
            runs[0].wait_started()
            children, code = runs[0].children(), runs[0].stop()
            assert eventually(lambda: gone(children))
            runs.append(Run(runs[0].home, docker_host))
            yield Lives(runs[0], children, code, runs[1], runs[1].wait_started())
        finally:
            codes = [run.stop(signal.SIGINT) for run in runs if run.process.poll() is None]
        assert codes == [0], "it does not end well on SIGINT"


@pytest.fixture
def running(lives: Lives) -> Run:
    """The one that goes on running."""
    return lives.run


def test_it_starts_on_an_empty_home_stops_on_sigterm_and_starts_again_within_ten_seconds(lives: Lives) -> None:
    assert "Log in at" in lives.ended.said
    assert len(lives.children) >= 5
    assert lives.code == 0
    # On a machine that does other things at the same time, as long as its share of the processors makes it.
    assert lives.started_s < 10 * max(1.0, os.getloadavg()[0] / len(os.sched_getaffinity(0)))
    assert "Log in at" not in lives.run.said


def test_it_starts_web_again_when_it_was_killed(running: Run) -> None:
    run = running
    [web] = [pid for pid, args in run.children().items() if "uvicorn" in args]
    os.kill(web, signal.SIGKILL)
    assert eventually(lambda: "web ended with signal 9 and starts again in 1 s" in run.said)
    assert eventually(lambda: web not in run.children() and answers(run), 30)


def test_it_runs_beside_another_home_and_leaves_nothing_behind_when_it_is_killed_itself(
    running: Run, up: Callable[..., Run]
) -> None:
    run = up()
    run.wait_started()
    assert answers(run)
    assert eventually(lambda: answers(running), 30)
    children = run.children()
    assert len(children) >= 5
    run.process.kill()
    run.process.wait()
    assert eventually(lambda: gone(children), 30)
    assert answers(running)


def test_it_refuses_one_home_twice(running: Run, up: Callable[..., Run]) -> None:
    second = up(running.home)
    assert second.process.wait(20) == 1
    assert f"Imageyard already runs on {running.home}" in second.said
    assert eventually(lambda: answers(running), 30)


def test_it_names_the_variable_when_its_port_is_taken(up: Callable[..., Run]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = up(IMAGEYARD_HTTP=f"127.0.0.1:{port}")
        assert run.process.wait(20) == 1
    assert f"Imageyard cannot listen on port {port} of 127.0.0.1: Address already in use." in run.said
    assert "set IMAGEYARD_HTTP to another one" in run.said


def test_it_says_that_no_registry_is_on_the_registrys_port(up: Callable[..., Run]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        run = up(IMAGEYARD_REGISTRY=f"127.0.0.1:{taken.getsockname()[1]}")
        assert run.process.wait(30) == 1
    assert "what is there is no registry" in run.said
    assert "IMAGEYARD_REGISTRY=127.0.0.1:" in run.said


def test_it_says_that_the_named_docker_engine_does_not_answer(up: Callable[..., Run]) -> None:
    run = up(DOCKER_HOST="unix:///nowhere/docker.sock")
    assert run.process.wait(30) == 1
    assert "The Docker Engine on unix:///nowhere/docker.sock (DOCKER_HOST) does not answer" in run.said


def test_it_ends_with_one_line_when_a_variable_is_wrong(up: Callable[..., Run]) -> None:
    run = up(IMAGEYARD_SLOTS="many")
    assert run.process.wait(20) == 2
    assert run.said == "IMAGEYARD_SLOTS is “many”: a whole number from 1 to 256 is right, for example 1.\n".replace(
        "example 1", f"example {len(os.sched_getaffinity(0))}"
    )
