"""What the benchmarks share: figures, progress on standard error, and a running Imageyard on real parts."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imageyard.base_image import push_busybox
from imageyard.docker_login import docker_login
from imageyard.supervisor.parts import Redis
from imageyard.supervisor.ports import free_port
from tests.real_parts import TEST_HOME, running, shared_engine
from tests.yard import Yard, running_yard


@dataclass(frozen=True)
class Figure:
    """One measurement, in seconds unless its name says otherwise. Without a yardstick there is no ratio."""

    ours: float
    yardstick: float | None = None

    def line(self, name: str) -> str:
        if self.yardstick is None:
            return f"{name}\t{self.ours:.4f}\t-\t-"
        return f"{name}\t{self.ours:.4f}\t{self.yardstick:.4f}\t{self.ours / self.yardstick:.3f}"


def say(text: str) -> None:
    """Progress, so that nobody waits without a reason."""
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Bench:
    """A running Imageyard and what a script on the same machine would use."""

    yard: Yard
    registry: str
    docker_host: str
    docker_config: Path
    base_image: str
    folder: Path

    @property
    def environ(self) -> dict[str, str]:
        """What the script's docker runs with: logged in, as every script that pushes is."""
        return {**os.environ, "DOCKER_HOST": self.docker_host, "DOCKER_CONFIG": str(self.docker_config)}

    @property
    def registry_folder(self) -> Path:
        return self.yard.home / "registry"


@contextmanager
def bench(**environ: str) -> Iterator[Bench]:
    """Start everything, in a folder that goes afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="iy-bench-", dir="/tmp"))
    redis, registry = Redis(folder), f"127.0.0.1:{free_port()}"
    say("Starting Redis, Docker Engine and Imageyard with its own registry.")
    try:
        with running(redis), shared_engine(TEST_HOME) as engine:
            base = f"{registry}/library/busybox:1"
            parts = {"redis_url": redis.url, "registry": registry, "docker_host": engine.host}
            with (
                running_yard(folder / "yard", **parts, **environ) as yard,
                docker_login(engine.host, registry, "admin", yard.token) as config,
            ):
                body = {"namespace": "library", "name": "busybox", "visibility": "public"}
                yard.send("POST", "/repositories", body)
                push_busybox(engine.host, base, config)
                yield Bench(yard, registry, engine.host, config, base, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
