"""One container in which all hooks of a run are carried out: it gets a copy of the work tree, and nothing of the host.

No folder and no socket of the host is mounted: the tree is copied in, and copied out again where a hook changed it.
What the hooks are and when they run is the business of the pipeline.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from builds.core.errors import BuildError, ErrorKind
from builds.core.hooks import FOLDER, WORKSPACE
from builds.engine.dockerclient import Docker, last_words
from builds.engine.treetar import unpack_tree
from builds.engine.workspace import private_directory, remove, write_private

CPUS = 2
START_S = 900.0
COPY_S = 900.0
_OWN = "/imageyard"
_LIVES = "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"
# The variables come from a file, so that no value stands in a command line or in the container's configuration.
_RUNS = f'. {_OWN}/variables && cd -- "$1" && chmod +x "{FOLDER}/$2" && exec "./{FOLDER}/$2"'


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxSettings:
    """`files` go to `/imageyard/` in the container, readable for root alone; `labels` mark it for the sweep."""

    image: str
    name: str
    memory_bytes: int
    processes: int
    labels: Mapping[str, str]
    files: Mapping[str, str] = field(default_factory=dict, repr=False)


class HookBox:
    """The container of a run. `remove` takes it away, whatever became of it."""

    def __init__(self, docker: Docker, given: BoxSettings) -> None:
        self._docker = docker
        self._given = given

    def start(self, tree: Path) -> None:
        """Make it, put the work tree into it, and start it. Raises BuildError and Stopped."""
        given = self._given
        self._do(
            f"The image `{given.image}`, in which hooks run, could not be used", *_creation(given), timeout_s=START_S
        )
        self._do("The work tree could not be copied for its hooks", "cp", f"{tree}/.", f"{given.name}:{WORKSPACE}")
        with private_directory() as folder:
            for name, content in given.files.items():
                write_private(_parents(folder / name), content)
            self._do("The hooks could not be prepared", "cp", f"{folder}/.", f"{given.name}:{_OWN}")
        self._do("The container of the hooks could not be started", "start", given.name)

    def run(self, name: str, folder: str, say: Callable[[bytes], None], *, timeout_s: float) -> int:
        """Carry out `hooks/<name>` in the Dockerfile's folder; gives its exit code. Raises Stopped."""
        where = WORKSPACE if folder == "." else f"{WORKSPACE}/{folder}"
        return self._docker(
            *("exec", self._given.name, "sh", "-c", _RUNS, "hook", where, name),
            timeout_s=timeout_s,
            on_stdout=say,
            on_stderr=say,
        ).returncode

    def bring_back(self, tree: Path, work_dir: Path, *, keep_free_bytes: int) -> None:
        """Make `tree` what it is in the container now. Raises BuildError and Stopped."""
        archive, fresh = work_dir / "hooks.tar", work_dir / "hooks.tree"
        try:
            with archive.open("wb") as file:
                done = self._docker(
                    "cp",
                    f"{self._given.name}:{WORKSPACE}",
                    "-",
                    timeout_s=COPY_S,
                    on_stdout=_into(file, keep_free_bytes),
                )
            if done.returncode != 0:
                raise _fault("The work tree could not be copied back from its hooks", done.stderr_tail)
            unpack_tree(archive, fresh, keep_free_bytes=keep_free_bytes)
        finally:
            archive.unlink(missing_ok=True)
        remove(tree)
        fresh.rename(tree)

    def remove(self) -> None:
        """Never raises; what is left is swept up later."""
        self._docker.clean("rm", "--force", "--volumes", self._given.name)

    def _do(self, what: str, *arguments: str, timeout_s: float = COPY_S) -> None:
        done = self._docker(*arguments, timeout_s=timeout_s, on_stdout=_ignore)
        if done.returncode != 0:
            raise _fault(what, done.stderr_tail)


def _creation(given: BoxSettings) -> list[str]:
    """`docker create`: bounded as the containers of tests are, with nothing of the host."""
    return [
        "create",
        f"--name={given.name}",
        "--pull=missing",
        "--log-driver=none",
        "--restart=no",
        f"--memory={given.memory_bytes}",
        f"--memory-swap={given.memory_bytes}",
        f"--pids-limit={given.processes}",
        "--cpu-period=100000",
        f"--cpu-quota={100_000 * CPUS}",
        "--cap-drop=MKNOD",
        "--cap-drop=NET_RAW",
        "--security-opt=no-new-privileges",
        "--user=0:0",
        f"--workdir={WORKSPACE}",
        *(f"--label={name}={value}" for name, value in given.labels.items()),
        "--entrypoint=sh",
        "--",
        given.image,
        "-c",
        _LIVES,
    ]


def _into(file: BinaryIO, keep_free_bytes: int) -> Callable[[bytes], None]:
    """Writes what a container sends, as long as the disk has room."""
    written = 0

    def write(chunk: bytes) -> None:
        nonlocal written
        before, written = written, written + len(chunk)
        if before >> 24 != written >> 24:  # every 16 MiB
            there = os.fstatvfs(file.fileno())
            if there.f_bavail * there.f_frsize < keep_free_bytes:
                raise BuildError(ErrorKind.USER, "The hooks ran, but what they left does not fit on the worker's disk.")
        file.write(chunk)

    return write


def _parents(path: Path) -> Path:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    return path


def _fault(what: str, stderr: bytes) -> BuildError:
    said = last_words(stderr)
    return BuildError(ErrorKind.PLATFORM, f"{what}: {said}. Whoever runs Imageyard has a look.", retryable=True)


def _ignore(_chunk: bytes) -> None:
    """Ids of containers."""
