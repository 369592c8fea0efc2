"""A build that prints 1,000,000 lines (58 MB), against `docker buildx build --progress=rawjson > file`.

Every byte is compared with what the step printed, and the worker's memory is watched while the log passes.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
import time
import uuid
from pathlib import Path
from statistics import median
from typing import Self

from bench.base import Bench, Figure, bench, say
from tests.yard import Yard

LINES = 1_000_000
# The builder keeps its cache between runs of the benchmark, and a cached step prints nothing.
NONCE = uuid.uuid4().hex
PAIRS = 11  # one run of the very same builder takes from 3 to 7 s
MEMORY_LIMIT = 150 * 1024 * 1024
# 58 bytes a line; awk keeps the step itself cheap.
TEXT = "the quick brown fox jumps over the lazy dog again"
PRINT = f"""awk 'BEGIN {{ for (i = 0; i < {LINES}; i++) printf "%07d {TEXT}\\n", i }}'"""
DOCKERFILE = f"ARG BASE\nFROM ${{BASE}}\nARG TURN\nRUN echo $TURN > /turn; {PRINT}\n"


def expected() -> bytes:
    """What the step prints."""
    return "".join(f"{i:07d} {TEXT}\n" for i in range(LINES)).encode()


def run() -> dict[str, Figure]:
    digest = hashlib.sha256(expected()).hexdigest()
    ours, theirs = [], []
    with bench() as here:
        rules = [{"ref_type": "branch", "pattern": "main", "tags": ["latest"], "build_args": {"BASE": here.base_image}}]
        linked = here.yard.link("acme/lines", rules=rules)
        for turn in range(PAIRS):
            dockerfile = DOCKERFILE.replace("ARG TURN\n", f"ENV TURN=ours-{turn}-{NONCE}\n")
            commit = linked.git.commit({"Dockerfile": dockerfile}, f"turn {turn}")
            ours_first = turn % 2 == 0
            if not ours_first:
                theirs.append(_buildx(here, dockerfile.replace("ours", "script"), turn))
            with _memory(here.yard) as grown:
                build = linked.build_push(commit, timeout_s=300)
            assert build["state"] == "succeeded", build["error"]
            step = max(build["steps"], key=lambda step: step["lines"])
            assert step["lines"] == LINES, step
            found = hashlib.sha256(here.yard.log(build["id"], step=step["index"])).hexdigest()
            assert found == digest, "the stored log is not what the step printed"
            ours.append(_seconds(build))
            if ours_first:
                theirs.append(_buildx(here, dockerfile.replace("ours", "script"), turn))
            say(
                f"million-lines {turn + 1} of {PAIRS}: {ours[-1]:.2f} s, buildx alone {theirs[-1]:.2f} s, "
                f"worker grew by {grown.most / 1e6:.0f} MB"
            )
            assert grown.most < MEMORY_LIMIT, f"the worker grew by {grown.most / 1e6:.0f} MB"
    return {"million-lines": Figure(median(ours), median(theirs))}


def _seconds(build: dict) -> float:
    from datetime import datetime

    began, ended = (datetime.fromisoformat(build[field]) for field in ("started_at", "finished_at"))
    return (ended - began).total_seconds()


def _buildx(here: Bench, dockerfile: str, turn: int) -> float:
    folder = here.folder / f"lines-{turn}"
    folder.mkdir()
    (folder / "Dockerfile").write_text(dockerfile)
    image = f"{here.registry}/acme/script-lines:latest"
    command = ["docker", "buildx", "build", "--progress=rawjson", "--push", "-t", image]
    command += ["--build-arg", f"BASE={here.base_image}", str(folder)]
    began = time.monotonic()
    with (folder / "progress").open("wb") as out:
        subprocess.run(command, check=True, env=here.environ, stdout=out, stderr=out)
    return time.monotonic() - began


class _memory:  # noqa: N801 — reads as what it is, `with _memory(yard) as grown`
    """By how many bytes the worker's processes together grew above what they had at rest."""

    def __init__(self, yard: Yard) -> None:
        self.pids = [pid for pid in yard.processes("celery") if "worker" in _command(pid)]
        self.most = 0
        self._rest = {pid: _resident(pid) for pid in self.pids}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.05):
            self.most = max([self.most, *(_resident(pid) - rest for pid, rest in self._rest.items())])


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except FileNotFoundError:
        return 0


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except FileNotFoundError:
        return ""
