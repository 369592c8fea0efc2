"""1,000 viewers of one live log that prints 100 lines a second: from the writer's call to each viewer, in seconds.

Real Redis, real uvicorn, viewers in a process of their own over TCP. Every viewer must get every line. No yardstick.
`python -m bench.live watch|write …` are its own child processes.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import quantiles

from bench.base import Figure, say
from imageyard.supervisor.parts import Redis
from tests.real_parts import running

VIEWERS = int(os.environ.get("BENCH_VIEWERS", "1000"))
SECONDS = 15
LINES_PER_S = 100


def run() -> dict[str, Figure]:
    folder = Path(tempfile.mkdtemp(prefix="iy-live-", dir="/tmp"))
    redis = Redis(folder)
    try:
        with running(redis):
            delays, lost = _measure(folder, redis.url)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    cuts = quantiles(delays, n=100)
    say(f"{VIEWERS} viewers: {lost} lines lost, p50 {cuts[49]:.3f} s, p99 {cuts[98]:.3f} s, worst {max(delays):.3f} s")
    assert not lost, f"{lost} lines did not reach their viewer"
    return {"viewers-1000-p99": Figure(cuts[98])}


def _measure(folder: Path, redis_url: str) -> tuple[list[float], int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"127.0.0.1:{port}"
    environ = {"IMAGEYARD_HOME": str(folder), "REDIS_URL": redis_url, "IMAGEYARD_HTTP": address}
    environ = {**os.environ, **environ, "DJANGO_SETTINGS_MODULE": "imageyard.settings"}
    build, token = _child(environ, "prepare").communicate()[0].split()
    web = [
        sys.executable,
        "-m",
        "uvicorn",
        "imageyard.asgi:application",
        "--port",
        str(port),
        "--ws",
        "websockets-sansio",
    ]
    server = subprocess.Popen([*web, "--ws-per-message-deflate", "false", "--log-level", "warning"], env=environ)
    try:
        watch = _child(environ, "watch", address, build, token)
        assert watch.stdout
        assert watch.stdout.readline().strip() == "ready"
        say(f"{VIEWERS} viewers are connected")
        _child(environ, "write", build).wait()
        answer = json.loads(watch.communicate(timeout=120)[0])
    finally:
        server.terminate()
        server.wait()
    return answer["delays"], answer["lost"]


def _child(environ: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "bench.live", *arguments]
    return subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE, text=True)


def prepare() -> None:
    """A build that a worker holds, and somebody who may see it."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from accounts.tokens import create_token
    from builds.models import Step
    from tests.factories import make_admin, make_build

    build = make_build(state="building", attempt=1)
    Step.objects.create(build=build, attempt=1, index=0, name="RUN make", state="running")
    print(build.pk, create_token(make_admin(), "bench")[1])


def write(build: str) -> None:
    """The worker: lines that say when they were written."""
    import django

    django.setup()
    from django.conf import settings

    from builds.logs.stream import connect
    from builds.logs.writer import LogWriter
    from builds.models import Build
    from builds.models.log import DatabaseFrames

    with LogWriter(int(build), 1, store=DatabaseFrames(), redis=connect(settings.REDIS_URL)) as writer:
        begin = time.monotonic()
        for number in range(SECONDS * LINES_PER_S):
            time.sleep(max(0.0, begin + number / LINES_PER_S - time.monotonic()))
            writer.write(
                0, f"{number} {time.monotonic():.4f} of a build that prints a hundred lines a second\n".encode()
            )
    time.sleep(1)
    Build.objects.update(state="succeeded")


class _Viewer(asyncio.Protocol):
    """A WebSocket client that costs little: it reads frames and notes when lines came."""

    def __init__(self, host: str, path: str, token: str, delays: list[float]) -> None:
        self.ready, self.over = asyncio.Event(), asyncio.Event()
        self.lines = 0
        self._host, self._path, self._token, self._delays = host, path, token, delays
        self._buffer = bytearray()
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        head = [f"GET {self._path} HTTP/1.1", f"Host: {self._host}", "Upgrade: websocket", "Connection: Upgrade"]
        head += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", f"Authorization: Bearer {self._token}"]
        assert isinstance(transport, asyncio.Transport)
        transport.write("\r\n".join([*head, "", ""]).encode())

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self._buffer += data
        if not self._is_open:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            del self._buffer[: end + 4]
            self._is_open = True
        while len(self._buffer) >= 2:
            size, head = self._buffer[1] & 127, 2
            if size >= 126:
                head = 4 if size == 126 else 10
                size = int.from_bytes(self._buffer[2:head], "big")
            if len(self._buffer) < head + size:
                return
            opcode, payload = self._buffer[0] & 15, bytes(self._buffer[head : head + size])
            del self._buffer[: head + size]
            if opcode == 1:
                self._take(json.loads(payload), now)

    def _take(self, message: dict, now: float) -> None:
        if message["type"] == "snapshot":
            self.ready.set()
        elif message["type"] == "log":
            assert message["first_line"] == self.lines, "a gap or a double"
            self.lines += len(message["lines"])
            self._delays += [now - float(line.split()[1]) for line in message["lines"]]
        elif message["type"] == "end":
            self.over.set()

    def connection_lost(self, _error: Exception | None) -> None:
        self.over.set()


async def watch(address: str, build: str, token: str) -> None:
    """All the viewers; prints what they saw."""
    host, port = address.split(":")
    delays: list[float] = []
    viewers = []
    loop = asyncio.get_running_loop()
    for _ in range(VIEWERS):
        viewer = _Viewer(address, f"/ws/builds/{build}/", token, delays)
        for _ in range(100):
            try:
                await loop.create_connection(lambda viewer=viewer: viewer, host, int(port))
                break
            except ConnectionRefusedError:
                await asyncio.sleep(0.1)
        await viewer.ready.wait()
        viewers.append(viewer)
    print("ready", flush=True)
    await asyncio.gather(*(viewer.over.wait() for viewer in viewers))
    lost = sum(SECONDS * LINES_PER_S - viewer.lines for viewer in viewers)
    print(json.dumps({"delays": delays, "lost": lost}))


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    if command == "watch":
        asyncio.run(watch(*rest))
    else:
        {"prepare": prepare, "write": write}[command](*rest)
