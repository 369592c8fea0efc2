"""Runs the tests: the fast part, the database's part on PostgreSQL, then what needs real parts, started once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import IO

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

REAL = "engine or redis or git_server or browser"
ONE = "one_database and not (both_databases or redis or slow or random_input)"
# One more than processors: a third of what a test takes it waits for parts, or for others.
WORKERS = ["-n", "3", "--dist"]
# And one more, for what is light (tests/together.py).
MORE_WORKERS = ["-n", "4", "--dist"]
# As many as processors, where no service is waited for: each worker reads all the tests before its first.
BUSY_WORKERS = ["-n", "2", "--dist"]
# Each stage by the name that T takes: the options of its pytest. A test is in one stage, or also on PostgreSQL.
STAGES = {
    # A person waits for it: no service, no database, and no random inputs, for which "real" has the time.
    "unit": ["-m", f"not ({REAL} or slow or random_input or compose or database)", *BUSY_WORKERS, "worksteal"],
    # What touches the database, on the one that needs no server.
    "sqlite": [
        *["-m", f"database and not ({REAL} or slow or random_input or compose)", *BUSY_WORKERS, "worksteal"],
        "--one-database",
    ],
    # What touches the database, threads that race for a row included, but for what pages say (tests/one_database.py).
    "postgres": [
        *["-m", f"database and not (engine or git_server or browser or compose) and not ({ONE})", *WORKERS],
        *["worksteal"],
        "--hypothesis-profile=few",
    ],
    # By file, for a file's tests share a whole Imageyard, a web process or a Chromium.
    "real": [
        *["-m", f"({REAL} or slow or random_input) and not compose", *MORE_WORKERS, "loadfile"],
        "--no-loadscope-reorder",
        *["--hypothesis-profile=many", "--durations=15"],
    ],
    "compose": ["-m", "compose", "--durations=5"],
}

# Those that need no service.
BARE = ("unit", "sqlite")
# The others. Compose waits for its services half of its time. It is not beside "real", where Docker Engines start: each
# of them cuts the containers of all others off for a moment.
TOGETHER = (("postgres", "compose"), ("real",))


def main(what: list[str]) -> int:
    """`[]` is everything, one name of `STAGES` that stage, anything else goes to pytest as it is."""
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
        if what and what[0] in BARE:
            return pytest(what[0], STAGES[what[0]], environ)
        if what and what[0] not in STAGES:
            return pytest(" ".join(what), what, environ)
        environ.pop("DATABASE_URL", None)
        failed = staged(what or ["lint", *STAGES], environ)
        if failed:
            print(f"make test failed in: {', '.join(failed)}.", flush=True)
        return 1 if failed else 0
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def staged(names: list[str], environ: dict[str, str]) -> list[str]:
    """Run these stages, also after one that failed; gives the names of those that did."""
    failed = []
    # With other stages before it; alone it makes its images itself.
    early = "compose" in names[1:]
    with compose_images(environ) if early else nullcontext(lambda _: None) as tell_of_images:
        if "lint" in names and subprocess.run([str(CHECKOUT / "scripts/lint")], env=environ, check=False).returncode:
            failed.append("lint")
        failed += [name for name in BARE if name in names and pytest(name, STAGES[name], environ)]
        with real_parts() as parts:

            def surroundings(name: str) -> dict[str, str]:
                url = {"DATABASE_URL": parts["IMAGEYARD_TEST_POSTGRES_URL"]} if name == "postgres" else {}
                return {**environ, **parts, **url}

            def run(name: str, out: IO[str]) -> int:
                if name == "compose":
                    tell_of_images(out)
                return pytest(name, [*STAGES[name], *own_cache(name)], surroundings(name), out)

            for group in TOGETHER:
                codes = run_together([name for name in group if name in names], run)
                failed += [name for name, code in codes.items() if code and once_more(name, surroundings(name))]
    return failed


def run_together(names: list[str], run: Callable[[str, IO[str]], int]) -> dict[str, int]:
    """Run stages beside each other; gives their codes. The first prints as it goes, each other one at the end."""
    with ThreadPoolExecutor() as threads, ExitStack() as exits:
        said = {name: exits.enter_context(tempfile.TemporaryFile("w+")) for name in names[1:]}
        others = {name: threads.submit(run, name, out) for name, out in said.items()}
        codes = {name: run(name, sys.stdout) for name in names[:1]}
        for name, other in others.items():
            codes[name] = other.result()
            said[name].seek(0)
            print(said[name].read(), end="", flush=True)
    return codes


@contextmanager
def compose_images(environ: dict[str, str]) -> Iterator[Callable[[IO[str]], None]]:
    """Make the images of the stage "compose" beside the stages before it: a good part of that is waiting for a network.

    What is given waits for the end, and says how it failed if it did; the stage then tries it again, to fail by itself.
    """
    said = Path(environ["TMPDIR"], "compose-images.log")
    command = [sys.executable, "-m", "tests.compose.prepare"]
    with said.open("w") as log:
        made = subprocess.Popen(command, cwd=CHECKOUT, env=environ, stdout=log, stderr=subprocess.STDOUT)

    def tell(out: IO[str]) -> None:
        if made.wait():
            why = said.read_text()[-6000:]
            print(f"--- compose: its images could not be made beforehand\n{why}", file=out, flush=True)

    try:
        yield tell
    finally:
        if made.poll() is None:
            made.terminate()
            made.wait()


def own_cache(name: str) -> list[str]:
    """Where pytest notes what failed: of two beside each other, the one that ends last would forget the other's."""
    return ["-o", f"cache_dir=.pytest_cache/{name}"]


def once_more(name: str, environ: dict[str, str]) -> int:
    """Run alone what failed beside other tests, and say so: real parts share two cores, and a deadline may pass."""
    beside = {*WORKERS, *MORE_WORKERS, "worksteal", "loadfile", "--no-loadscope-reorder"}
    options = [option for option in [*STAGES[name], *own_cache(name)] if option not in beside]
    return pytest(
        f"{name}, once more what failed", [*options, "--last-failed", "--last-failed-no-failures=none"], environ
    )


def pytest(name: str, arguments: list[str], environ: dict[str, str], out: IO[str] = sys.stdout) -> int:
    """One run of pytest; returns its exit code, which is not 0 for an empty selection either."""
    began = time.monotonic()
    print(f"--- {name}", file=out, flush=True)
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    # Before what only other tools need, which a process of Imageyard would load since it is there.
    paths = [str(CHECKOUT / "tests/as_installed"), *filter(None, [environ.get("PYTHONPATH")])]
    environ = {**environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(command, cwd=CHECKOUT, env=environ, stdout=out, stderr=out, check=False)
    print(f"--- {name}: {time.monotonic() - began:.0f} s", file=out, flush=True)
    return done.returncode


@contextmanager
def real_parts() -> Iterator[dict[str, str]]:
    """Redis, PostgreSQL, registry and Docker Engine, by the names under which the fixtures look for them."""
    from imageyard.base_image import push_busybox
    from imageyard.supervisor.parts import Postgres, Redis
    from imageyard.supervisor.ports import free_port
    from imageyard.supervisor.registry import Registry
    from tests.real_parts import TEST_HOME, quick_folder, running, shared_engine

    home = Path(tempfile.mkdtemp(prefix="iy-parts-", dir="/tmp"))
    home.chmod(0o755)  # PostgreSQL runs as another user
    images = Path(tempfile.mkdtemp(prefix="iy-parts-", dir=quick_folder()))
    redis, postgres, registry = Redis(home), Postgres(home), Registry(images, f"127.0.0.1:{free_port()}")
    try:
        with running(redis), running(postgres), running(registry), shared_engine(TEST_HOME) as engine:
            # Once for all: it has another digest each time, and whoever builds from it just then loses the cache.
            base_image = f"{registry.host}/library/busybox:1"
            push_busybox(engine.host, base_image)
            yield {
                "IMAGEYARD_TEST_BASE_IMAGE": base_image,
                "IMAGEYARD_TEST_REDIS_URL": redis.url,
                "IMAGEYARD_TEST_POSTGRES_URL": postgres.url,
                "IMAGEYARD_TEST_REGISTRY": registry.host,
                "IMAGEYARD_TEST_DOCKER_HOST": engine.host,
                "DOCKER_HOST": engine.host,
            }
    finally:
        shutil.rmtree(home, ignore_errors=True)
        shutil.rmtree(images, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
