"""Docker Compose for one test: spells a file out without its reading anything outside the work tree, and runs `sut`.

What the file may say is judged in `core.composefile` before and in `core.composevet` after it was spelled out.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builds.core.composefile import MAX_BYTES, ComposeRefused, read_compose, read_part
from builds.core.composemounts import TreeCopy
from builds.core.errors import BuildError, Stopped
from builds.core.refnames import quoted
from builds.engine.dockerclient import Docker, compose_argv, last_words
from builds.engine.process import Finished, StopFlag
from builds.engine.testfiles import read_inside

CONFIG_S = 60.0
LOOK_S = 2.0
SETTLE_S = 5.0
_MAX_FILES = 20
_ENV_FILE_BYTES = 64 * 1024
_OF_CONTAINER = re.compile(rb"\S+-\d+ +\| ")
# What Compose writes before the line of a container's end, for terminals, also where there is none.
_CLEAR_LINE = b"\x1b[K"


@dataclass(frozen=True, slots=True)
class SutEnd:
    """How `sut` ended. `exit_code` None: it never started, and `said` is why."""

    exit_code: int | None
    out_of_memory: bool = False
    said: str = ""


def spell_out(docker: Docker, tree: Path, file: Path, *, project: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """The file as `docker compose config` understands it. Raises ComposeRefused and Stopped.

    `variables` are all that `$NAME` in the file can become. They stand in a file of their own: in the environment of
    Compose itself a name like LD_PRELOAD would do other things. Compose reads copies of what was looked at, which lie
    beside the originals so that relative paths stay true.
    """
    env_file = docker.config / f"{project}.env"
    env_file.write_text(env_lines(variables), encoding="utf-8")
    with _twins(tree) as twins:
        twin = twins.of(file, read_compose)
        out = bytearray()
        done = docker(
            f"--file={twin}",
            f"--project-directory={file.parent}",
            f"--project-name={project}",
            f"--env-file={env_file}",
            "--profile=*",
            "--ansi=never",
            "config",
            "--format=json",
            argv=compose_argv(),
            timeout_s=CONFIG_S,
            on_stdout=out.extend,
        )
    if done.returncode != 0:
        raise ComposeRefused(f"Compose does not take it: {_reason(done.stderr_tail, twin)}")
    try:
        document = json.loads(out)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise ComposeRefused("Compose did not spell it out")
    return document


def env_lines(variables: Mapping[str, str]) -> str:
    """Variables as Compose's env files have them, in double quotes (compose-go, dotenv/parser.go)."""
    lines = []
    for name, value in variables.items():
        quoted_value = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("\r", "\\r")
        lines.append(f'{name}="{quoted_value.replace(chr(10), chr(92) + "n")}"\n')
    return "".join(lines)


def _own_lines(stderr: bytes) -> bytes:
    """What Compose itself said, without the lines of containers, which could say anything in its name."""
    return b"\n".join(line for line in stderr.split(b"\n") if not _OF_CONTAINER.match(line)).replace(b"\r", b" ")


def _reason(stderr: bytes, twin: Path) -> str:
    return last_words(stderr).replace(str(twin), "the file").replace(str(twin.parent) + "/", "")[:300]


class _Twins:
    """Copies of compose files as JSON; a service that `extends` one of another file is led to that file's copy."""

    def __init__(self, tree: Path) -> None:
        self._tree = tree.resolve()
        self._made: dict[Path, Path] = {}

    def of(self, file: Path, read: Callable[[bytes], dict[str, Any]]) -> Path:
        if file in self._made:
            return self._made[file]
        if len(self._made) >= _MAX_FILES:
            raise ComposeRefused(f"it extends services of more than {_MAX_FILES} files")
        content = read_inside(self._tree, file, MAX_BYTES)
        if content is None:
            raise ComposeRefused("it is no file of the repository, or a link that leads out of it")
        document = read(content)
        twin = self._made[file] = file.parent / f".imageyard-{secrets.token_hex(8)}.json"
        for name, service in document["services"].items():
            if service:
                self._lead_inside(file.parent, name, service)
        with twin.open("x", encoding="utf-8") as out:
            json.dump(document, out)
        return twin

    def _lead_inside(self, folder: Path, name: str, service: dict[str, Any]) -> None:
        extends = service.get("extends")
        if isinstance(extends, dict) and extends.get("file"):
            path = self._inside(folder, extends["file"], f"service {quoted(name)} extends a service of")
            try:
                extends["file"] = str(self.of(path, read_part))
            except ComposeRefused as refused:
                raise ComposeRefused(
                    *(f"in {quoted(path.name)}, which {quoted(name)} extends: {one}" for one in refused.problems)
                ) from refused
        given = service.get("env_file")
        for index, one in enumerate(given if isinstance(given, list) else [given] if given else []):
            path_of = one.get("path") if isinstance(one, dict) else one
            needed = not (isinstance(one, dict) and one.get("required") is False)
            try:
                path = self._inside(folder, path_of, f"service {quoted(name)} reads variables from")
            except ComposeRefused:
                if needed:
                    raise
                path = Path("/dev/null")
            if isinstance(one, dict):
                one["path"] = str(path)
            elif isinstance(given, list):
                given[index] = str(path)
            else:
                service["env_file"] = str(path)

    def _inside(self, folder: Path, relative: Any, what: str) -> Path:
        if not isinstance(relative, str) or "$" in relative:
            raise ComposeRefused(f"{what} a file whose name has to be plain text")
        path = folder / relative
        if read_inside(self._tree, path, 0) is None:
            raise ComposeRefused(f"{what} {quoted(relative)}, which is no file of the repository")
        found = path.resolve()
        if found.stat().st_size > _ENV_FILE_BYTES:
            raise ComposeRefused(f"{what} {quoted(relative)}, which has more than {_ENV_FILE_BYTES:,} bytes")
        return found

    def remove(self) -> None:
        for twin in self._made.values():
            twin.unlink(missing_ok=True)


@contextmanager
def _twins(tree: Path) -> Iterator[_Twins]:
    twins = _Twins(tree)
    try:
        yield twins
    finally:
        twins.remove()


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
        over = threading.Event()

        def watch() -> None:
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

        watcher = threading.Thread(target=watch, name=f"watch-{self.name}", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()

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
