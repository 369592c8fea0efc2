"""Fixtures that give a test the real thing: Redis, PostgreSQL, a registry, a Docker Engine, Chromium; no fakes here.

`scripts/run_tests.py` starts each part once for a whole run and names it in the environment. Where it is not named, the
part is started for this session alone, so that `pytest path` works by itself. Only the Docker Engine is shared between
sessions that run at the same time: it lives in `.imageyard-test/` and ends with the last of them.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

import pytest

from imageyard.base_image import push_busybox
from imageyard.env import run_dir_of
from imageyard.supervisor.parts import DockerEngine, Part, Postgres, Redis
from imageyard.supervisor.ports import free_port
from imageyard.supervisor.registry import Registry

CHECKOUT = Path(__file__).resolve().parent.parent
TEST_HOME = Path(os.environ.get("IMAGEYARD_TEST_HOME", CHECKOUT / ".imageyard-test"))

P = TypeVar("P", bound=Part)

# A test that asks for one of these has its mark, so that the fast part never starts a server. Git runs some ten
# processes for a repository with one commit, which is slow enough.
MARKS = {
    "own_redis": "redis",
    "git_root": "slow",
    "redis_url": "redis",
    "registry_host": "engine",
    "docker_host": "engine",
    "base_image": "engine",
    "postgres_url": "redis",
    "chromium": "browser",
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        wanted = set(getattr(item, "fixturenames", ()))
        for mark in sorted({MARKS[name] for name in wanted if name in MARKS}):
            item.add_marker(mark)
        if item.get_closest_marker("django_db") or wanted & {"db", "transactional_db", "django_db_setup"}:
            item.add_marker("database")
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("random_input")


@pytest.fixture(scope="session")
def part_home() -> Iterator[Path]:
    """A folder for the parts of this session, with a path short enough for Unix sockets."""
    folder = Path(tempfile.mkdtemp(prefix="iy-parts-", dir=quick_folder()))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_url(part_home: Path, worker_id: str) -> Iterator[str]:
    """A Redis as redis-py and Channels name it; each xdist worker has a database of its own and may flush it."""
    given = os.environ.get("IMAGEYARD_TEST_REDIS_URL")
    if given:
        number = int(worker_id.removeprefix("gw")) if worker_id.startswith("gw") else 0
        yield given.replace("?db=0", f"?db={number}")
        return
    redis = Redis(part_home)
    with running(redis):
        yield redis.url


@pytest.fixture(scope="session")
def postgres_url(part_home: Path) -> Iterator[str]:
    """A PostgreSQL database as `DATABASE_URL` names it."""
    given = os.environ.get("IMAGEYARD_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    # Not below part_home: the server runs as another user, who may not enter a folder of ours.
    folder = Path(tempfile.mkdtemp(prefix="iy-postgres-", dir="/tmp"))
    folder.chmod(0o755)
    postgres = Postgres(folder)
    with running(postgres):
        yield postgres.url
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def registry_host(part_home: Path) -> Iterator[str]:
    """`host:port` of a registry that speaks plain HTTP, wants no login and allows deletion."""
    given = os.environ.get("IMAGEYARD_TEST_REGISTRY")
    if given:
        yield given
        return
    registry = Registry(part_home, f"127.0.0.1:{free_port()}")
    with running(registry):
        yield registry.host


@pytest.fixture(scope="session")
def docker_host() -> Iterator[str]:
    """A Docker Engine as `DOCKER_HOST` names it, whose BuildKit clips no log."""
    given = os.environ.get("IMAGEYARD_TEST_DOCKER_HOST")
    if given:
        yield given
        return
    with shared_engine(TEST_HOME) as engine:
        yield engine.host


@pytest.fixture(scope="session")
def base_image(docker_host: str, registry_host: str) -> str:
    """The name of a pushed 2 MB image with a static busybox: what a test's Dockerfile can be `FROM`."""
    given = os.environ.get("IMAGEYARD_TEST_BASE_IMAGE")
    if given:
        return given
    image = f"{registry_host}/library/busybox:1"
    push_busybox(docker_host, image)
    return image


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium, for Playwright's `executable_path`: rather one without a window, which is faster."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser")
    found = os.environ.get("IMAGEYARD_TEST_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if not found:
        pytest.fail("Chromium is missing: `scripts/setup test` installs it.")
    return found


def quick_folder() -> str:
    """Where the data of parts lies that end with the tests: in memory where there is enough, with a short path.

    A registry has the disk confirm each blob, and a disk that also holds the layers of builds takes its time for that.
    """
    memory = "/dev/shm"
    has_room = os.access(memory, os.W_OK | os.X_OK) and shutil.disk_usage(memory).free > 4 << 30
    return memory if has_room else "/tmp"


@contextmanager
def running(part: P) -> Iterator[P]:
    part.start()
    try:
        part.wait_ready()
        yield part
    finally:
        part.stop()


@contextmanager
def shared_engine(home: Path) -> Iterator[DockerEngine]:
    """The checkout's own Docker Engine: the first session starts it, the last one ends it.

    Every user holds a shared lock; who gets it exclusively at the end is the last. The kernel gives the lock of a
    session that was killed back, and the next session finds the engine running and ends it after use.
    """
    home.mkdir(parents=True, exist_ok=True)
    engine = DockerEngine(home, run_dir_of(home), outlives_parent=True)
    # It may take more memory before it looks for garbage: tests make it build small things all the time.
    engine.child.env.setdefault("GOGC", "400")
    with (home / "engine.users").open("a") as users, (home / "engine.turn").open("a") as turn:
        with locked(turn):
            fcntl.flock(users, fcntl.LOCK_SH)
            engine.start()
            engine.wait_ready()
        yield engine
        with locked(turn):
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            engine.stop()


@contextmanager
def locked(file: IO[str]) -> Iterator[None]:
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
