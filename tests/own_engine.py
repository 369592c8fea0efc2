"""A Docker Engine for one module's tests alone: what they prune is nobody else's cache. Starts in a few seconds."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imageyard.supervisor.parts import DockerEngine
from tests.real_parts import running

BuildsSomething = Callable[..., str]


@pytest.fixture(scope="module")
def own_engine() -> Iterator[str]:
    """Its address, as `DOCKER_HOST` names it."""
    folder = Path(tempfile.mkdtemp(prefix="iy-engine-", dir="/tmp"))
    engine = DockerEngine(folder)
    with running(engine):
        yield engine.host
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def cached(own_engine: str, tmp_path: Path) -> BuildsSomething:
    """Builds a layer that nobody has into its cache, and gives the name of the file in it."""
    counted = iter(range(100))

    def made(size: int = 2_000_000) -> str:
        name = f"file{next(counted)}{os.urandom(4).hex()}"
        (tmp_path / name).write_bytes(os.urandom(size))
        (tmp_path / "Dockerfile").write_text(f"FROM scratch\nCOPY {name} /{name}\n")
        argv = ["docker", "buildx", "build", "--output=type=cacheonly", str(tmp_path)]
        subprocess.run(argv, env={**os.environ, "DOCKER_HOST": own_engine}, check=True, capture_output=True)
        return name

    return made
