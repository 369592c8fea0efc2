"""One child process: its own process group, a log file, and an end that comes with its parent's; no retries here."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROTATE_BYTES = 16 * 1024 * 1024
OLD_LOGS = 3


class PartError(Exception):
    """A sentence for the person who started Imageyard: what does not run, why, and what to do."""


class Child:
    """A process that ends when this one does.

    It is started through `setpriv --pdeathsig TERM` (util-linux), which the kernel sends when the thread that started
    it is gone: so `start` belongs into a thread that lives as long as the child is wanted, the main one. Its output
    goes straight to its log file, so that no pipe to this process can fill or break.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        outlives_parent: bool = False,
    ) -> None:
        self.name = name
        self.argv = list(argv) if outlives_parent else ["setpriv", "--pdeathsig", "TERM", "--", *argv]
        self.log = log
        self.cwd = cwd
        self.env = dict(os.environ if env is None else env)
        self.stdin = subprocess.DEVNULL
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, with its log behind what an earlier start wrote, or in a new file where that is long."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        rotate(self.log)
        with self.log.open("ab") as output:
            try:
                self.process = subprocess.Popen(
                    self.argv,
                    stdin=self.stdin,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=self.env,
                    cwd=self.cwd,
                    process_group=0,
                )
            except FileNotFoundError as error:
                raise PartError(f"The program `{error.filename}` is missing: `scripts/setup` installs it.") from error

    @property
    def exit_code(self) -> int | None:
        """The exit code of a child that ended, negative for the signal that ended it; None while it runs."""
        return None if self.process is None else self.process.poll()

    @property
    def runs(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def stop(self, *, grace_s: float) -> None:
        """Ask it to end, wait, then end its whole group. Harmless on the second call."""
        self.ask()
        self.wait(grace_s)

    def ask(self) -> None:
        """Send SIGTERM and return at once."""
        if self.runs and self.process is not None:
            self.process.terminate()

    def wait(self, grace_s: float) -> None:
        """Wait for the end; what still runs after the grace is killed, with all of its process group."""
        if self.process is None:
            return
        try:
            self.process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._kill_group()
            self.process.wait(10)
        else:
            self._kill_group()  # what it left behind in its group

    def last_lines(self, count: int = 5) -> str:
        """The end of its log, for the message that says why it does not run."""
        return tail(self.log, count)

    def _kill_group(self) -> None:
        assert self.process is not None
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def rotate(log: Path) -> None:
    """Put a long log aside as `name.log.1`, and so on; the oldest goes.

    The file itself stays and is emptied, so this may be done while a child writes to it: it writes at the end,
    wherever that is (`O_APPEND`). What it writes between the copy and the emptying is lost, which is accepted.
    """
    if not log.exists() or log.stat().st_size < ROTATE_BYTES:
        return
    for number in range(OLD_LOGS, 1, -1):
        newer = log.with_name(f"{log.name}.{number - 1}")
        if newer.exists():
            newer.replace(log.with_name(f"{log.name}.{number}"))
    shutil.copyfile(log, log.with_name(f"{log.name}.1"))
    os.truncate(log, 0)


def tail(log: Path, count: int) -> str:
    """The last lines of a file, or nothing where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 64 * 1024))
            return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-count:])
    except FileNotFoundError:
        return ""


def wait_until(check: Callable[[], bool], child: Child, *, timeout_s: float, waiting_for: str) -> None:
    """Poll until the check is true.

    Raises:
        PartError: the child ended, or the time is over; with the end of its log.
    """
    deadline = time.monotonic() + timeout_s
    while not check():
        if child.exit_code is not None:
            raise PartError(_why(child, f"{child.name} ended with exit code {child.exit_code} while it started."))
        if time.monotonic() > deadline:
            raise PartError(_why(child, f"{child.name} did not get ready within {timeout_s:.0f} s ({waiting_for})."))
        time.sleep(0.05)


def _why(child: Child, sentence: str) -> str:
    lines = child.last_lines()
    return f"{sentence} The end of {child.log}:\n{lines}" if lines else sentence
