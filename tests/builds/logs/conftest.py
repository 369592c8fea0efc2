"""What the tests of the log share: a Redis that can be killed, a store in memory, a reader for both."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time

import pytest
from django.core.files.storage import FileSystemStorage
from redis.exceptions import RedisError

from builds.logs.reader import LogReader
from builds.logs.stream import connect
from builds.logs.writer import LogWriter
from tests.builds.logs.memory import MemoryFrames


class OwnRedis:
    """A Redis without persistence, for tests that end it."""

    def __init__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = tempfile.mkdtemp(prefix="iy-redis-", dir="/tmp")
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process = None

    def start(self):
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self.folder]
        self.process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        client = connect(self.url)
        for _ in range(200):
            try:
                client.ping()
            except RedisError:
                time.sleep(0.02)
            else:
                break
        client.close()

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture(scope="session")
def _killable_redis():
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not installed")
    server = OwnRedis()
    server.start()
    yield server
    server.kill()
    shutil.rmtree(server.folder, ignore_errors=True)


@pytest.fixture
def own_redis(_killable_redis):
    """A Redis of these tests' own, empty and running at the start of each."""
    if _killable_redis.process is None:
        _killable_redis.start()
    client = connect(_killable_redis.url)
    client.flushall()
    client.close()
    return _killable_redis


@pytest.fixture
def client(own_redis):
    client = connect(own_redis.url)
    yield client
    client.close()


@pytest.fixture
def store():
    return MemoryFrames()


@pytest.fixture
def storage(tmp_path):
    return FileSystemStorage(location=tmp_path)


@pytest.fixture
def write(store, client):
    """Makes writers, and ends those that a test left open."""
    writers = []

    def make(build_id=1, attempt=1, **options):
        writers.append(LogWriter(build_id, attempt, store=store, redis=client, **options))
        return writers[-1]

    yield make
    for writer in writers:
        store.failures, store.closed = 0, True
        writer.close()


@pytest.fixture
def read(store, storage, client):
    def make(build_id=1, attempt=1, **options):
        return LogReader(build_id, attempt, **{"store": store, "storage": storage, "redis": client, **options})

    return make
