"""Runs the tests: the fast part, the database's part on PostgreSQL, then what needs real parts, started once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

REAL = "engine or redis or git_server or browser"
# Few random inputs, for a person waits for it.
FAST = ["-m", f"not ({REAL} or slow or compose)", "-n", "2", "--hypothesis-profile=few"]
# Everything that touches the database, threads that race for a row included.
ON_POSTGRES = ["-m", "database and not (engine or git_server or browser or compose)", "-n", "2"]
ON_REAL_PARTS = ["-m", f"({REAL} or slow or random_input) and not compose", "--hypothesis-profile=many"]
COMPOSE = ["-m", "compose"]


def main(what: list[str]) -> int:
    """`[]` is everything, `["unit"]` the fast part, anything else goes to pytest as it is."""
    # Short, for the Unix sockets that some tests make below it.
    folder = Path(tempfile.mkdtemp(prefix="iy", dir="/tmp"))
    environ = {**os.environ, "TMPDIR": str(folder)}
    for name in (
        "IMAGEYARD_HOME",
        "REDIS_URL",
        "IMAGEYARD_HTTP",
        "IMAGEYARD_URL",
        "IMAGEYARD_REGISTRY",
        "IMAGEYARD_ADMIN_TOKEN",
    ):
        environ.pop(name, None)
    try:
        if what == ["unit"]:
            return pytest("unit", FAST, environ)
        if what:
            return pytest(" ".join(what), what, environ)
        return everything(environ)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def everything(environ: dict[str, str]) -> int:
    """Every stage is run, also after one that failed; the exit code is 1 where one did."""
    environ = {name: value for name, value in environ.items() if name != "DATABASE_URL"}
    failed = []
    if subprocess.run([str(CHECKOUT / "scripts/lint")], env=environ, check=False).returncode:
        failed.append("lint")
    if pytest("fast part", FAST, environ):
        failed.append("fast part")
    with real_parts() as parts:
        on_postgres = {**environ, **parts, "DATABASE_URL": parts["IMAGEYARD_TEST_POSTGRES_URL"]}
        if pytest("the database's part on PostgreSQL", ON_POSTGRES, on_postgres):
            failed.append("the database's part on PostgreSQL")
        if pytest("real parts", [*ON_REAL_PARTS, "--durations=10"], {**environ, **parts}):
            failed.append("real parts")
        if pytest("compose file", COMPOSE, {**environ, **parts}):
            failed.append("compose file")
    if failed:
        print(f"make test failed in: {', '.join(failed)}.", flush=True)
    return 1 if failed else 0


def pytest(name: str, arguments: list[str], environ: dict[str, str]) -> int:
    """One run of pytest; returns its exit code, which is not 0 for an empty selection either."""
    began = time.monotonic()
    print(f"--- {name}", flush=True)
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    code = subprocess.run(command, cwd=CHECKOUT, env=environ, check=False).returncode
    print(f"--- {name}: {time.monotonic() - began:.0f} s", flush=True)
    return code


@contextmanager
def real_parts() -> Iterator[dict[str, str]]:
    """Redis, PostgreSQL, registry and Docker Engine, by the names under which the fixtures look for them."""
    from imageyard.supervisor.parts import Postgres, Redis, Registry
    from imageyard.supervisor.ports import free_port
    from tests.real_parts import TEST_HOME, running, shared_engine

    home = Path(tempfile.mkdtemp(prefix="iy-parts-", dir="/tmp"))
    home.chmod(0o755)  # PostgreSQL runs as another user
    redis, postgres, registry = Redis(home), Postgres(home), Registry(home, f"127.0.0.1:{free_port()}")
    try:
        with running(redis), running(postgres), running(registry), shared_engine(TEST_HOME) as engine:
            yield {
                "IMAGEYARD_TEST_REDIS_URL": redis.url,
                "IMAGEYARD_TEST_POSTGRES_URL": postgres.url,
                "IMAGEYARD_TEST_REGISTRY": registry.host,
                "IMAGEYARD_TEST_DOCKER_HOST": engine.host,
                "IMAGEYARD_TEST_CHROMIUM": shutil.which("chromium") or "",
                "DOCKER_HOST": engine.host,
            }
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
