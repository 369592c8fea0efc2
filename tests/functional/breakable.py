"""Yards that rest until they are used, parts of them to break and mend again, and a viewer that follows a log."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
import websockets

from imageyard.supervisor.parts import Redis
from tests.real_parts import quick_folder, running
from tests.yard import Yard, running_yard, until


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    os.kill(pid, number)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits for its parent to notice does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def kill_redis(redis: Redis) -> None:
    """End Redis with everything it holds."""
    assert redis.child.process is not None
    redis.child.process.kill()
    redis.child.process.wait()
    redis.socket.unlink(missing_ok=True)


def start_redis(redis: Redis) -> None:
    redis.start()
    redis.wait_ready()


class Cable:
    """A Unix socket in front of the Docker Engine that can be pulled out."""

    def __init__(self, folder: Path, docker_host: str) -> None:
        self.path = folder / "engine.sock"
        self.host = f"unix://{self.path}"
        self._target = docker_host.removeprefix("unix://")
        self._ends: list[socket.socket] = []
        self._listener: socket.socket | None = None

    def plug(self) -> None:
        self.path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def pull(self) -> None:
        """From now on nobody answers, and whoever is connected is cut off."""
        assert self._listener is not None
        self.path.unlink(missing_ok=True)
        ends, self._ends = self._ends, []
        for end in (self._listener, *ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._target)
                self._ends += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=[one, other], daemon=True).start()

    @staticmethod
    def _pass_on(one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        with suppress(OSError):
            other.shutdown(socket.SHUT_WR)


# Leases that end soon, one second for builds before a stop, tests that may not last, and logs that are soon too long.
HURRY = {
    "IMAGEYARD_LEASE_S": "4",
    "IMAGEYARD_DRAIN_S": "1",
    "IMAGEYARD_LOG_CAP_MB": "1",
    "IMAGEYARD_TEST_TIMEOUT_S": "12",
    "IMAGEYARD_TEST_MEMORY_MB": "16",
}


@contextmanager
def started(registry: str, docker_host: str, **environ: str) -> Iterator[tuple[Redis, Yard]]:
    """An Imageyard that rests until it is used. Its Redis is its own: another's would ring other bells."""
    folder = Path(tempfile.mkdtemp(prefix="iy-yard-", dir=quick_folder()))
    with (
        running(Redis(folder / "parts")) as redis,
        running_yard(folder, redis_url=redis.url, registry=registry, docker_host=docker_host, **environ) as yard,
    ):
        yield redis, yard
    shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Fragile:
    """A yard in a hurry, and what can be broken under it."""

    yard: Yard
    redis: Redis
    cable: Cable

    def restart_of_worker(self, number: signal.Signals) -> list[int]:
        """Signal the worker's main process; all of its processes of before."""
        before = self.yard.processes("celery -A imageyard worker")
        kill(before[0], number)
        return before

    def flush(self) -> None:
        """Lose everything that Redis holds."""
        with redis.Redis.from_url(self.redis.url) as client:
            client.flushall()


@dataclass
class Follower:
    """Follows one build from a thread until its end, comes back after every cut, and keeps what it was told."""

    yard: Yard
    build_id: int
    lines: dict[int, list[str]] = field(default_factory=dict)
    doubled: list[dict[str, Any]] = field(default_factory=list)
    connects: int = 0
    end: dict[str, Any] | None = None
    _cursor: str = ""

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._follow()), daemon=True)
        self._thread.start()

    def wait(self, timeout_s: float = 60) -> None:
        self._thread.join(timeout_s)
        assert not self._thread.is_alive(), "the follower never heard of the end"

    def wait_line(self, words: str, timeout_s: float = 60) -> None:
        until(lambda: any(words in line for lines in self.lines.values() for line in list(lines)), timeout_s=timeout_s)

    async def _follow(self) -> None:
        url = f"{self.yard.url.replace('http', 'ws', 1)}/ws/builds/{self.build_id}/"
        headers = {"Authorization": f"Bearer {self.yard.token}"}
        while self.end is None:
            with suppress(OSError, websockets.WebSocketException, TimeoutError):
                where = f"{url}?cursor={self._cursor}" if self._cursor else url
                async with websockets.connect(where, additional_headers=headers, max_size=None) as connection:
                    self.connects += 1
                    async for text in connection:
                        self._take(json.loads(text))
            await asyncio.sleep(0.1)

    def _take(self, message: dict[str, Any]) -> None:
        self._cursor = message["cursor"]
        if message["type"] == "snapshot":
            for step in message["steps"]:
                self._need(step["index"], step["lines"])
        elif message["type"] == "log":
            known = self.lines.setdefault(message["step"], [])
            if message["first_line"] < len(known):
                self.doubled.append(message)
                return
            self._need(message["step"], message["first_line"])
            known.extend(message["lines"])
        elif message["type"] == "more":
            self._need(message["step"], message["lines"])
        elif message["type"] == "end":
            for step in message["steps"]:
                self._need(step["index"], step["lines"])
            self.end = message

    def _need(self, step: int, count: int) -> None:
        """Read the lines that are missing up to `count`, as a page would."""
        known = self.lines.setdefault(step, [])
        while len(known) < count:
            query = {"step": step, "from": len(known), "lines": min(count - len(known), 1000)}
            answer = self.yard.client.get(f"/builds/{self.build_id}/log", params=query).json()
            assert answer["lines"], (step, count, answer["total"])
            known.extend(answer["lines"])

    def is_the_stored_log(self) -> bool:
        """Whether what it has is what the store has, to the line."""
        for step in self.yard.build(self.build_id)["steps"]:
            stored = self.yard.log(self.build_id, step=step["index"]).decode("utf-8", "replace").split("\n")
            stored = stored if stored[-1] else stored[:-1]
            assert self.lines.get(step["index"], []) == stored, (step["name"], len(stored))
        return not self.doubled
