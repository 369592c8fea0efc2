"""What a container's health check answers, by what its process left behind; the rest is tested in tests/compose."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.http_server import QuietHandler, QuietServer, served

CHECKOUT = Path(__file__).resolve().parents[2]


def healthy(what: str, **environ: str) -> int:
    command = [sys.executable, "-X", "importtime", str(CHECKOUT / "deploy/container.py"), "healthy", what]
    ran = subprocess.run(command, env=environ, check=False, capture_output=True, text=True)
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in ran.stderr.splitlines() if "|" in line}
    # Docker asks every second while a container starts, and for ever after: the answer costs next to nothing.
    assert not loaded & {"imageyard", "django", "celery", "http", "ssl"}
    return ran.returncode


@contextmanager
def web(status: int) -> Iterator[str]:
    class Answer(QuietHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

    with served(QuietServer(("127.0.0.1", 0), Answer)) as server:
        yield f"0.0.0.0:{server.server_port}"


@pytest.mark.parametrize("status", [200, 503])
def test_web_is_healthy_while_it_answers_well(status: int) -> None:
    with web(status) as address:
        assert healthy("web", IMAGEYARD_HTTP=address) == (status != 200)
    assert healthy("web", IMAGEYARD_HTTP=address) == 1


@pytest.mark.parametrize(("silent_s", "exit_code"), [(None, 1), (20, 0), (60, 1)])
def test_a_worker_is_healthy_while_it_reports(tmp_path: Path, silent_s: int | None, exit_code: int) -> None:
    leave(tmp_path / "worker", silent_s)
    assert healthy("worker", IMAGEYARD_ALIVE_PATH=str(tmp_path / "worker")) == exit_code


@pytest.mark.parametrize(("silent_s", "exit_code"), [(None, 1), (300, 0), (500, 1)])
def test_beat_is_healthy_while_it_writes_its_schedule(tmp_path: Path, silent_s: int | None, exit_code: int) -> None:
    leave(tmp_path / "beat-schedule.db", silent_s)
    assert healthy("beat", IMAGEYARD_HOME=str(tmp_path)) == exit_code


def leave(file: Path, silent_s: int | None) -> None:
    """A file that was last written so long ago, or none."""
    if silent_s is not None:
        file.touch()
        written = file.stat().st_mtime - silent_s
        os.utime(file, (written, written))
