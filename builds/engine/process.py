"""Run one command as a process group that ends with us. What the command is and what its output means is not here.

A worker may die in any way, `kill -9` included, and nothing that it started may go on building or pushing. So every
command starts behind a shell that first leaves a guard in its process group: the guard holds the reading end of a pipe
whose writing end only this process has, and when that end closes, because we died, it kills the group with itself in
it. PDEATHSIG would reach the command alone and not its children (git-remote-https, ssh, a CLI plugin); the pipe
reaches all, and it has no moment at which a command runs unguarded.
"""

from __future__ import annotations

import ctypes
import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from fcntl import F_SETPIPE_SZ, fcntl
from pathlib import Path
from typing import IO

from builds.core.errors import BuildError, ErrorKind, Stopped, StopReason
from builds.engine.stopflag import StopFlag

__all__ = ["INPUT_BYTES", "Command", "Finished", "Silent", "StopFlag", "run", "started"]

# A command that writes much without pause is read in turns: what it wrote in this time at once, not piece by piece.
BREATH_S = 0.02
FLOOD_BYTES = 8 * 1024
PIPE_BYTES = 1024 * 1024
CHUNK = PIPE_BYTES
TAIL_BYTES = 64 * 1024
INPUT_BYTES = 64 * 1024
GRACE_S = 5.0

# The pipe takes the place of a stream that the command has no use for: its input, or else its output.
_GUARD = """
exec 3<&0 </dev/null
umask 022
{ trap '' INT TERM HUP; read -r _ended <&3; kill -KILL 0; } >/dev/null 2>&1 &
exec 3<&- "$@"
"""
_GUARD_WITH_INPUT = """
exec 3<&1 >/dev/null
umask 022
{ trap '' INT TERM HUP; read -r _ended <&3; kill -KILL 0; } </dev/null >/dev/null 2>&1 &
exec 3<&- "$@"
"""
# Celery starts its pool processes with SIGINT ignored, which children inherit and a shell cannot undo: hence `env`.
# The guard ignores polite signals and has no hold on the command's output. umask: file modes of a work tree reach the
# image, and must not depend on who started the worker.
_GUARDED = ("env", "--default-signal=INT,TERM,HUP,QUIT,PIPE", "sh", "-c")
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Finished:
    """How a command ended. `returncode` is negative for a signal, as in `subprocess`; the tail is at most 64 KiB."""

    returncode: int
    stderr_tail: bytes


class Silent(Exception):  # noqa: N818 — a fact about the other side, which callers turn into their sentence
    """The command showed no first sign of life within `first_output_s` and was ended."""


Sink = Callable[[bytes], None]


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    timeout_s: float,
    stop: StopFlag,
    cwd: Path | None = None,
    on_stdout: Sink | None = None,
    on_stderr: Sink | None = None,
    grace_s: float = GRACE_S,
    first_output_s: float | None = None,
) -> Finished:
    """Run `argv` with exactly `env` and /dev/null as its input; hand over its output in chunks of at most 1 MiB.

    When `stop` is raised or `timeout_s` has passed the group gets SIGINT, after `grace_s` more seconds SIGKILL, and
    `Stopped` is raised (its own deadline is reason "timeout"). When this returns or raises, no process of the group
    is left. An exception from a callback ends the command too. Raises `BuildError` where the program does not exist.
    """
    stop.check()
    with started(argv, env=env, cwd=cwd, tells=on_stdout is not None) as command:
        return command.follow(
            on_stdout,
            on_stderr,
            stop,
            timeout_s=timeout_s,
            grace_s=grace_s,
            first_output_s=first_output_s,
        )


@contextmanager
def started(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    tells: bool = False,
    takes_input: bool = False,
) -> Iterator[Command]:
    """Start `argv` as `run` does, and let the caller choose when to follow it. No process of it is left afterwards.

    `tells`: its standard output is wanted. `takes_input`: it reads what `give` gets; then nobody reads its output.
    """
    program = shutil.which(argv[0], path=env.get("PATH", os.defpath))
    if program is None:
        raise BuildError(
            ErrorKind.PLATFORM,
            f"The program `{argv[0]}` is not installed on this worker; whoever runs Imageyard installs it there.",
        )
    # Orphans of the group become our children, so that their end can be waited for too. Set before each run, since a
    # forked process does not inherit it.
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with ExitStack() as stack:
        stdout = subprocess.PIPE if tells else subprocess.DEVNULL
        guard = _GUARD
        if takes_input:
            stdout, kept = os.pipe()
            stack.callback(os.close, kept)
            guard = _GUARD_WITH_INPUT
        try:
            child = subprocess.Popen(
                [*_GUARDED, guard, "guarded", program, *argv[1:]],
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.PIPE,
                stdout=stdout,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        finally:
            if takes_input:
                os.close(stdout)
        stack.enter_context(child)
        command = Command(child)
        stack.callback(command.bury)
        yield command


class Command:
    """One running command and whatever it started."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child
        self._grace_s = 0.0
        self._why: StopReason | Silent | None = None
        self._kill_at: float | None = None
        self._tail = bytearray()
        self._on_stderr: Sink | None = None

    def follow(
        self,
        on_stdout: Sink | None,
        on_stderr: Sink | None,
        stop: StopFlag,
        *,
        timeout_s: float,
        grace_s: float = GRACE_S,
        first_output_s: float | None = None,
    ) -> Finished:
        """Hand over output until the command ends, as `run` does."""
        deadline = time.monotonic() + timeout_s
        silent_until = None if first_output_s is None else time.monotonic() + first_output_s
        self._grace_s, self._on_stderr = grace_s, on_stderr
        with ExitStack() as stack:
            selector = stack.enter_context(selectors.DefaultSelector())
            selector.register(stack.enter_context(stop.watched()), selectors.EVENT_READ, "stop")
            ended = os.pidfd_open(self._child.pid)
            stack.callback(os.close, ended)
            selector.register(ended, selectors.EVENT_READ, "ended")
            self._register(selector, self._child.stdout, on_stdout)
            self._register(selector, self._child.stderr, self._keep)
            running = True
            heard = 0
            while running:
                self._keep_time(deadline, silent_until)
                if heard >= FLOOD_BYTES:
                    time.sleep(BREATH_S)
                heard = 0
                for key, _ in selector.select(self._patience(deadline, silent_until)):
                    if key.data == "ended":
                        running = False
                    elif key.data == "stop":
                        selector.unregister(key.fileobj)
                        self._end(stop.reason or "lost")
                    else:
                        silent_until = None
                        heard += _pass_on(selector, key)
            self._signal(signal.SIGKILL)
            _drain(selector)
        if isinstance(self._why, Silent):
            raise self._why
        if self._why is not None:
            raise Stopped(self._why)
        return Finished(self._child.wait(), bytes(self._tail))

    @property
    def has_ended(self) -> bool:
        return self._child.poll() is not None

    def give(self, data: bytes) -> None:
        """Write all of its input, at most `INPUT_BYTES`, which a pipe holds. That it has ended is seen by following."""
        assert self._child.stdin is not None
        assert len(data) <= INPUT_BYTES
        with suppress(BrokenPipeError):
            self._child.stdin.write(data)
        self._child.stdin.close()

    def bury(self) -> None:
        """Kill whatever is left of the group, the guard at least, and wait until all of it is gone."""
        self._signal(signal.SIGKILL)
        self._child.wait()
        with suppress(ChildProcessError):
            while True:
                os.waitpid(-self._child.pid, 0)

    def _register(self, selector: selectors.BaseSelector, stream: IO[bytes] | None, sink: Sink | None) -> None:
        if stream is None:
            return
        os.set_blocking(stream.fileno(), False)
        # A wider pipe lets the command write on while we are busy; where the system's limit for pipes is reached,
        # the usual 64 KiB do.
        with suppress(OSError):
            fcntl(stream.fileno(), F_SETPIPE_SZ, PIPE_BYTES)
        selector.register(stream, selectors.EVENT_READ, sink)

    def _keep(self, chunk: bytes) -> None:
        self._tail += chunk
        del self._tail[:-TAIL_BYTES]
        if self._on_stderr is not None:
            self._on_stderr(chunk)

    def _keep_time(self, deadline: float, silent_until: float | None) -> None:
        now = time.monotonic()
        if now >= deadline:
            self._end("timeout")
        if silent_until is not None and now >= silent_until:
            self._end(Silent())
        if self._kill_at is not None and now >= self._kill_at:
            self._signal(signal.SIGKILL)

    def _patience(self, deadline: float, silent_until: float | None) -> float:
        """Seconds until `_keep_time` has something to do."""
        if self._why is not None:
            moments = [self._kill_at or deadline]
        else:
            moments = [deadline] if silent_until is None else [deadline, silent_until]
        return max(0.01, min(moments) - time.monotonic())

    def _end(self, why: StopReason | Silent) -> None:
        """Ask the group to end, once; the first reason counts."""
        if self._why is None:
            self._why = why
            self._kill_at = time.monotonic() + self._grace_s
            self._signal(signal.SIGINT)

    def _signal(self, number: signal.Signals) -> None:
        # The guard is in the group until it is buried, so the group's number cannot belong to anybody else yet.
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, number)


def _pass_on(selector: selectors.BaseSelector, key: selectors.SelectorKey) -> int:
    """Read one chunk and hand it over; gives its size, 0 when there is none (now or any more)."""
    try:
        chunk = os.read(key.fd, CHUNK)
    except BlockingIOError:
        return 0
    if not chunk:
        selector.unregister(key.fileobj)
        return 0
    key.data(chunk)
    return len(chunk)


def _drain(selector: selectors.BaseSelector) -> None:
    """Hand over what the ended command left in its pipes, without waiting for whoever else may hold them open."""
    for key in list(selector.get_map().values()):
        if callable(key.data):
            while _pass_on(selector, key):
                pass
