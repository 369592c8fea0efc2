"""Docker Compose for one test: runs `sut` with what it needs, follows the output, and takes everything away again.

Gets projects that `core.composevet` has made; what a file may say is not judged here.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builds.core.composemounts import TreeCopy
from builds.core.errors import BuildError, Stopped
from builds.engine.dockerclient import Docker, compose_argv, last_words
from builds.engine.process import Finished, StopFlag
from lib.beside import beside

LOOK_S = 2.0
SETTLE_S = 5.0
_OF_CONTAINER = re.compile(rb"\S+-\d+ +\| ")
# What Compose writes before the line of a container's end, for terminals, also where there is none.
_CLEAR_LINE = b"\x1b[K"


@dataclass(frozen=True, slots=True)
class SutEnd:
    """How `sut` ended. `exit_code` None: it never started, and `said` is why."""

    exit_code: int | None
    out_of_memory: bool = False
    said: str = ""


class ComposeProject:
    """One vetted project in one engine. `remove` takes everything of it away, whatever became of it."""

    def __init__(self, docker: Docker, folder: Path, document: Mapping[str, Any]) -> None:
        self._docker = docker
        self.name = str(document["name"])
        self._file = folder / f"{self.name}.json"
        self._file.write_text(json.dumps(document), encoding="utf-8")

    def copy_in(self, tree: Path, copies: tuple[TreeCopy, ...]) -> None:
        """Make the containers and put these paths of the tree into them. Raises BuildError as `SutEnd` would say it."""
        if not copies:
            return
        done = self._compose("create", "--pull=never", timeout_s=300)
        if done.returncode != 0:
            raise CopyFailed(last_words(done.stderr_tail))
        for copy in copies:
            source = (tree / copy.path).resolve()
            shown = f"{source}/." if copy.is_folder else str(source)
            done = self._docker("cp", "--quiet", shown, f"{self.name}-{copy.service}-1:{copy.target}", timeout_s=300)
            if done.returncode != 0:
                raise CopyFailed(f"`{copy.path}` could not be put at `{copy.target}`: {last_words(done.stderr_tail)}")

    def run(self, say: Callable[[bytes], None], *, timeout_s: float) -> SutEnd:
        """Start `sut` with what it needs and follow the output of all until `sut` has ended.

        Raises Stopped; its reason is "timeout" with the run's own flag down where `timeout_s` has passed.
        """
        ended = StopFlag()
        follower = _Follower(self.name, ended, say)
        with self._watching(ended):
            try:
                done = self._compose(
                    "up", "--no-color", "--pull=never", "--no-build", "--attach-dependencies", "sut",
                    timeout_s=timeout_s, on_stdout=follower.take, on_stderr=follower.take, stop=ended, grace_s=0.1,
                )  # fmt: skip
                words = last_words(_own_lines(done.stderr_tail))
            except Stopped:
                self._docker.stop.check()
                if not follower.over:
                    raise
                words = ""
        return self._how_it_ended(words)

    @contextmanager
    def _watching(self, ended: StopFlag) -> Iterator[None]:
        """Raise the flag when the run is told to stop, and when `sut` has ended without Compose's saying so."""

        def watch(over: threading.Event) -> None:
            looked = 0.0
            while not over.wait(0.1):
                if reason := self._docker.stop.reason:
                    ended.set(reason)
                    return
                looked += 0.1
                if looked >= LOOK_S:
                    looked = 0.0
                    if self._has_ended():
                        over.wait(SETTLE_S)
                        ended.set("drain")
                        return

        with beside(watch, name=f"watch-{self.name}"):
            yield

    def _has_ended(self) -> bool:
        with suppress(Stopped, BuildError):
            found = self._docker.read("inspect", "--format={{.State.Status}}", f"{self.name}-sut-1", timeout_s=20)
            return (found or "").strip() in ("exited", "dead")
        return False

    def _how_it_ended(self, words: str) -> SutEnd:
        found = self._docker.read("inspect", "--format={{json .State}}", f"{self.name}-sut-1")
        try:
            state = json.loads(found or "null")
        except ValueError:
            state = None
        if not isinstance(state, dict) or str(state.get("StartedAt", "")).startswith("0001-"):
            error = state.get("Error") if isinstance(state, dict) else ""
            return SutEnd(None, said=str(error or words)[:400])
        return SutEnd(int(state.get("ExitCode", -1)), out_of_memory=bool(state.get("OOMKilled")))

    def _general(self) -> tuple[str, ...]:
        named = (f"--file={self._file}", f"--project-name={self.name}")
        return (*named, "--env-file=/dev/null", "--ansi=never", "--progress=quiet")

    def _compose(self, *arguments: str, **more: Any) -> Finished:
        return self._docker(*self._general(), *arguments, argv=compose_argv(), **more)

    def remove(self) -> None:
        """Containers, networks and volumes. Never raises; what is left is swept up later."""
        down = ("down", "--volumes", "--remove-orphans", "--timeout=0")
        self._docker.clean(*self._general(), *down, argv=compose_argv())


class CopyFailed(Exception):  # noqa: N818 — a fact about the test, which becomes a sentence
    """A path of the tree could not be given to the test; the text says why, without a full stop."""


class _Follower:
    """Hands the output on and notices the line that tells of the end of `sut`."""

    def __init__(self, project: str, ended: StopFlag, say: Callable[[bytes], None]) -> None:
        # What `docker compose up` prints when a container has ended, after the last of its output.
        names = rf"(?:{re.escape(project)}[-_])?sut[-_]1"
        self._words = re.compile(rf"^(?:\x1b\[K)?{names} +exited with code \d+".encode(), re.MULTILINE)
        self._ended = ended
        self._say = say
        self._line = b""
        self._lock = threading.Lock()

    @property
    def over(self) -> bool:
        return self._ended.reason == "drain"

    def take(self, chunk: bytes) -> None:
        self._say(chunk.replace(_CLEAR_LINE, b""))
        text = self._line + chunk
        self._line = text[text.rfind(b"\n") + 1 :][-200:]
        if self._words.search(text):
            self._ended.set("drain")


def _own_lines(stderr: bytes) -> bytes:
    """What Compose itself said, without the lines of containers, which could say anything in its name."""
    return b"\n".join(line for line in stderr.split(b"\n") if not _OF_CONTAINER.match(line)).replace(b"\r", b" ")
