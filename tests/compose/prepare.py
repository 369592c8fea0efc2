"""Makes the images of the compose tests: `python -m tests.compose.prepare` does it beforehand.

`scripts/run_tests.py` runs that beside earlier stages. The tests make what is missing then, so they work without it.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.compose.images import Standins
from tests.compose.parts import NAMES
from tests.compose.stack import Stack, base_images, describe_stack
from tests.real_parts import TEST_HOME, quick_folder, shared_engine


def make_images(stack: Stack) -> None:
    """Make what the engine has not: the stand-ins and the layers of the product's image, as far as possible at once."""
    first = base_images()
    with (
        tempfile.TemporaryDirectory(prefix="iy-standins-", dir=quick_folder()) as folder,
        ThreadPoolExecutor(max_workers=1) as beside,
    ):
        standins = Standins(stack.environ["DOCKER_HOST"], Path(folder))
        standins.make(first)
        others = beside.submit(standins.make, [name for name in NAMES if name not in first])
        stack.make_layers()
        others.result()


@contextmanager
def way_out(daemon_json: Path) -> Iterator[None]:
    """Let containers of the tests' engine out where another engine on this machine was started after it.

    Docker Engines share the chains of iptables, and one that starts empties them. DOCKER-USER is the chain that
    none of them touches.
    """
    if not daemon_json.exists():  # somebody else's engine
        yield
        return
    told = json.loads(daemon_json.read_text())
    bridge, pool = told["bridge"], told["default-address-pools"][0]["base"]
    rules = [["-i", bridge], ["-o", bridge], ["-s", pool], ["-d", pool]]
    for rule in rules:
        subprocess.run(["iptables", "-w", "-I", "DOCKER-USER", *rule, "-j", "ACCEPT"], check=True)
    try:
        yield
    finally:
        for rule in rules:
            subprocess.run(["iptables", "-w", "-D", "DOCKER-USER", *rule, "-j", "ACCEPT"], check=False)


def main() -> None:
    with (
        shared_engine(TEST_HOME) as engine,
        way_out(TEST_HOME / "docker/daemon.json"),
        describe_stack(engine.host) as stack,
    ):
        make_images(stack)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("It was told to end."))
    main()
