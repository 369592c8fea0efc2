"""GitPython's command interface, run by our own process runner. Which commands are run is not here.

GitPython builds the command lines (`git.fetch(…)`, `git.read_tree(…)`) and reads `.gitmodules`. Its own runner offers
no process group, no deadline over several commands, no way to stop from another thread and no streaming of progress,
so `execute` is ours.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import git

from builds.core.errors import BuildError, ErrorKind, Stopped
from builds.core.gitfailure import silent, too_slow
from builds.engine.gitenv import GitEnvironment
from builds.engine.process import Finished, Silent, StopFlag, run

Log = Callable[[bytes], None]

_NETWORK = frozenset({"fetch", "ls-remote"})
_ANSWER_S = 50.0
_COUNTER_S = 1.0
_MAX_LINE = 4096
# Become sentences if they matter; where the next attempt succeeds they would only frighten.
_FAILURES = (b"fatal:", b"error:")
_ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MAX_OUTPUT = 64 * 1024 * 1024


class GitFailed(Exception):  # noqa: N818 — raised for every exit code that is not 0; callers explain it
    """A Git command ended with an error. `stderr` is masked."""

    def __init__(self, command: str, returncode: int, stderr: str) -> None:
        super().__init__(f"git {command} ended with {returncode}: {stderr[-500:]}")
        self.command = command
        self.returncode = returncode
        self.stderr = stderr


class GuardedGit(git.Git):
    """Git commands for one remote, in one directory, within one deadline.

    `guarded.fetch("--no-tags", "--", url, refspec)` runs `git fetch …` and returns its standard output as bytes.
    `env` is added to the environment of one command. Raises `GitFailed`, `Stopped`, or `BuildError` where the deadline
    passed or the server stayed silent.
    """

    def __init__(self, environment: GitEnvironment, *, stop: StopFlag, timeout_s: float, log: Log) -> None:
        super().__init__()
        self.environment_of_git = environment
        self.stop = stop
        self.timeout_s = timeout_s
        self.started = time.monotonic()
        self.deadline = self.started + timeout_s
        self.to_log = log  # not `log`, which is a Git command

    def execute(  # type: ignore[override]  # the answer is always bytes
        self, command: Sequence[str], *, env: dict[str, str] | None = None, **_options: Any
    ) -> bytes:
        """Run one command line, as GitPython built it."""
        name = next((word for word in command[1:] if not word.startswith("-")), "")
        network = name in _NETWORK
        out = _Bounded(name)
        progress = _Progress(self.environment_of_git, self.to_log) if network else None
        try:
            done = run(
                list(command),
                env=self.environment_of_git.env | (env or {}),
                cwd=self.environment_of_git.private,
                timeout_s=self.time_left(),
                stop=self.stop,
                on_stdout=out,
                on_stderr=progress,
                first_output_s=_ANSWER_S if network else None,
            )
        except Silent as error:
            raise silent(self.environment_of_git.asked, _ANSWER_S) from error
        except Stopped as error:
            if self.stop.is_set():
                raise
            raise too_slow(self.environment_of_git.asked, self.timeout_s) from error
        finally:
            if progress is not None:
                progress.close()
        if done.returncode != 0:
            raise GitFailed(name, done.returncode, self._masked(done))
        return bytes(out.data)

    def ls_remote(self, *args: Any, **kwargs: Any) -> bytes:
        """GitPython's own, which refuses options and URLs that run programs."""
        return cast("bytes", super().ls_remote(*args, **kwargs))

    def at(self, git_dir: Path, work_tree: Path | None = None) -> GuardedGit:
        """The same Git for one repository, in its work tree. (GitPython forgets such options after one command.)"""
        tree = {"C": str(work_tree), "work_tree": str(work_tree)} if work_tree is not None else {}
        self(git_dir=str(git_dir), **tree)
        return self

    def time_left(self) -> float:
        """Seconds until the deadline, 0 when it has passed."""
        return max(0.0, self.deadline - time.monotonic())

    def say(self, line: str) -> None:
        """Write a line of our own into the log."""
        self.to_log(f"{self.environment_of_git.redactor.text(line)}\n".encode())

    def _masked(self, done: Finished) -> str:
        return self.environment_of_git.redactor.mask(done.stderr_tail).decode(errors="replace")


class _Bounded:
    """Collects output up to a limit: what a server sends as a list of refs is up to the server."""

    def __init__(self, command: str) -> None:
        self.command = command
        self.data = bytearray()

    def __call__(self, chunk: bytes) -> None:
        self.data += chunk
        if len(self.data) > _MAX_OUTPUT:
            raise BuildError(
                ErrorKind.LIMIT,
                "The repository has more refs or files than Imageyard handles: Git listed over 64 MiB of names.",
            )


class _Progress:
    """Passes what Git says on to the log: whole lines, masked, and of a running counter one state a second."""

    def __init__(self, environment: GitEnvironment, log: Log) -> None:
        self._stream = environment.redactor.stream()
        self._log = log
        self._rest = b""
        self._counted_at = 0.0

    def __call__(self, chunk: bytes) -> None:
        self._write(self._stream.feed(chunk))

    def close(self) -> None:
        self._write(self._stream.flush() + b"\n")

    def _write(self, data: bytes) -> None:
        *pieces, self._rest = re.split(rb"(?<=[\r\n])", self._rest + data)
        if len(self._rest) > _MAX_LINE:
            pieces.append(self._rest + b"\n")
            self._rest = b""
        for piece in pieces:
            # What a server says may hold escape codes; a log keeps its own colours only.
            text = _ESCAPES.sub(b"", piece).rstrip()
            if not text or text.startswith(_FAILURES):
                continue
            if piece.endswith(b"\n"):
                self._log(text + b"\n")
            elif time.monotonic() > self._counted_at + _COUNTER_S:
                self._counted_at = time.monotonic()
                self._log(text + b"\r")
