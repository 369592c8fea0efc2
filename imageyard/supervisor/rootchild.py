"""A child that needs root while we are not root: it runs through sudo, and ends when a pipe to it closes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from imageyard.supervisor.child import Child, PartError

# A signal to a process of root is refused and the kernel's parent-death signal does not pass sudo; the end of its
# standard input does both: `stop` closes it, and so does the kernel when this process is gone, however it went.
_UNTIL_EOF = """
exec 3<&0
"$@" 3<&- </dev/null & child=$!
(cat <&3 >/dev/null; kill "$child") & watcher=$!
wait "$child"; code=$?
kill "$watcher" 2>/dev/null
exit "$code"
"""


class RootChild(Child):
    """A `Child` through `sudo -n`; `ask_for_password` comes first."""

    def __init__(self, name: str, argv: Sequence[str], *, log: Path, env: Mapping[str, str]) -> None:
        # sudo clears the environment: what the program must know goes into its command.
        command = ["sudo", "-n", "--", "env", *(f"{key}={value}" for key, value in env.items())]
        super().__init__(name, [*command, "sh", "-c", _UNTIL_EOF, "sh", *argv], log=log, outlives_parent=True)
        self.stdin = subprocess.PIPE

    def ask(self) -> None:
        """Close the pipe and return at once."""
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()

    def wait(self, grace_s: float) -> None:
        """Wait for the end; there is no harder way than the pipe."""
        self.ask()
        if self.process is not None:
            try:
                self.process.wait(grace_s)
            except subprocess.TimeoutExpired as error:
                raise PartError(
                    f"{self.name} does not end. It is process {self.process.pid}; its log is {self.log}."
                ) from error


def is_root() -> bool:
    """Whether this process may do what root may."""
    return os.getuid() == 0


def as_root() -> list[str]:
    """What stands before a command that needs root."""
    return [] if is_root() else ["sudo", "-n", "--"]


def ask_for_password(why: str) -> None:
    """Let sudo ask in the terminal, now, while it is in the foreground; it asks nothing where it need not.

    Raises:
        PartError: there is no sudo, or it says no.
    """
    if shutil.which("sudo") is None:
        raise PartError(f"{why} Only root can do that, and sudo is not installed: run as root.")
    sys.stdout.flush()
    if subprocess.run(["sudo", "-v"], check=False).returncode:
        raise PartError(f"{why} Only root can do that, and sudo says no: run as root.")
