"""The servers of others that Imageyard can run for itself: Redis, Docker Engine, and PostgreSQL for tests.

Each has `start()` (returns at once), `wait_ready()` and `stop()`, keeps everything below one folder, and is used by
`make up` and by the tests alike. The registry is in `registry.py`. Which of them are needed is decided in `plan.py`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Protocol

from imageyard.supervisor.child import Child, PartError, wait_until
from imageyard.supervisor.engine import DockerEngine
from imageyard.supervisor.ports import free_port

__all__ = ["DockerEngine", "Part", "PartError", "Postgres", "Redis"]


class Part(Protocol):
    """A server that can be started, waited for and stopped."""

    child: Child
    waiting_for: str

    def start(self) -> None: ...
    def wait_ready(self, timeout_s: float = 60) -> None: ...
    def stop(self) -> None: ...


class Redis:
    """A Redis that keeps nothing on disk: doorbells, wake-ups and log tails are all it holds.

    It listens on a Unix socket alone, so two homes never meet and no port is needed.
    """

    waiting_for = "Redis to answer"

    def __init__(self, home: Path, run_dir: Path | None = None) -> None:
        self.socket = (run_dir or home / "run") / "redis.sock"
        self.url = f"unix://{self.socket}?db=0"
        self.folder = home / "redis"
        argv = ["redis-server", "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        argv += ["--dir", str(self.folder), "--save", "", "--appendonly", "no", "--daemonize", "no"]
        self.child = Child("Redis", argv, log=home / "log" / "redis.log")

    def start(self) -> None:
        make_private(self.folder)
        make_private(self.socket.parent)
        need("redis-server", "redis-server")
        self.child.start()

    def wait_ready(self, timeout_s: float = 60) -> None:
        wait_until(self._answers, self.child, timeout_s=timeout_s, waiting_for=self.waiting_for)

    def stop(self) -> None:
        self.child.stop(grace_s=5)

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(2)
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


class Postgres:
    """A PostgreSQL for tests: a cluster of its own, without durability, on a Unix socket and a loopback port."""

    waiting_for = "PostgreSQL to answer"

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "postgres"
        self.port = free_port()
        self.url = f"postgresql://imageyard@127.0.0.1:{self.port}/imageyard"
        self._as_user = [
            "setpriv",
            "--reuid",
            "postgres",
            "--regid",
            "postgres",
            "--clear-groups",
            "--pdeathsig",
            "TERM",
        ]
        if os.getuid() != 0:
            self._as_user = ["env"]
        argv = [*self._as_user, _postgres_tool("postgres"), "-D", str(self.folder), "-h", "127.0.0.1"]
        argv += ["-p", str(self.port), "-k", "", "-c", "fsync=off", "-c", "synchronous_commit=off"]
        argv += ["-c", "full_page_writes=off", "-c", "max_connections=200"]
        # Tests undo what they write: nothing is worth cleaning up, replaying, or compiling a plan of its own for.
        argv += ["-c", "autovacuum=off", "-c", "jit=off", "-c", "wal_level=minimal", "-c", "max_wal_senders=0"]
        argv += ["-c", "max_wal_size=4GB", "-c", "checkpoint_timeout=1h"]
        self.child = Child("PostgreSQL", argv, log=home / "log" / "postgres.log")

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.getuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(self.folder, "postgres", "postgres")
        if not (self.folder / "PG_VERSION").exists():
            self._run(
                "initdb", "-D", str(self.folder), "-U", "imageyard", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"
            )
        self.child.start()

    def wait_ready(self, timeout_s: float = 60) -> None:
        wait_until(self._answers, self.child, timeout_s=timeout_s, waiting_for=self.waiting_for)
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "imageyard"]
        known = self._run("psql", *where, "-Atc", "SELECT 1 FROM pg_database WHERE datname='imageyard'", "postgres")
        if not known:
            self._run("createdb", *where, "imageyard")

    def stop(self) -> None:
        if self.child.process is not None:
            self.child.process.send_signal(2)  # SIGINT is PostgreSQL's fast shutdown; SIGTERM waits for clients
        self.child.wait(10)

    def _answers(self) -> bool:
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-q"]
        return subprocess.run([_postgres_tool("pg_isready"), *where], check=False).returncode == 0

    def _run(self, tool: str, *arguments: str) -> str:
        ran = subprocess.run(
            [*self._as_user, _postgres_tool(tool), *arguments], capture_output=True, text=True, check=False, cwd="/"
        )
        if ran.returncode != 0:
            raise PartError(f"`{tool}` ended with exit code {ran.returncode}: {ran.stderr.strip()[-500:]}")
        return ran.stdout.strip()


def _postgres_tool(name: str) -> str:
    """Debian keeps the server's programs out of the PATH, one folder for each major version; the newest is taken."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    for folder in reversed(folders):
        if (folder / name).exists():
            return str(folder / name)
    found = shutil.which(name)
    if found is None:
        raise PartError(f"The program `{name}` is missing: `scripts/setup test` installs PostgreSQL.")
    return found


def need(program: str, package: str) -> None:
    """Refuse in words where a program is not installed."""
    if shutil.which(program) is None:
        raise PartError(f"The program `{program}` is missing: `scripts/setup` installs it (package {package}).")


def make_private(folder: Path) -> None:
    """A folder that only this user may enter; one that another user made in our place is refused."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    facts = folder.lstat()
    if facts.st_uid != os.getuid() or not folder.is_dir() or folder.is_symlink():
        raise PartError(f"{folder} belongs to somebody else: remove it, or choose another IMAGEYARD_HOME.")
