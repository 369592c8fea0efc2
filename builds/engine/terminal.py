"""A program behind a terminal of ours: what it prints, what is typed into it, and how large its window is.

The program gets a session of its own whose controlling terminal this is. Whoever holds our end may die in any way:
the kernel then hangs up on the program.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import struct
import subprocess
import termios
import tty
from collections.abc import Mapping, Sequence
from contextlib import suppress

CHUNK = 32 * 1024
LAST_MOMENT_S = 2.0
MOST_COLUMNS, MOST_ROWS = 500, 300
# Celery starts its processes with SIGINT ignored, which children inherit.
_FRESH = ("env", "--default-signal=INT,TERM,HUP,QUIT,PIPE", "setsid", "--ctty")


class Terminal:
    """Never blocks. Close it, whatever happens."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        self._master, slave = os.openpty()
        try:
            self.resize(80, 24)
            # Before the program has taken the terminal over, nothing that is typed is shown: it will show it itself.
            tty.setraw(slave)
            os.set_blocking(self._master, False)
            self._child = subprocess.Popen(
                [*_FRESH, *argv], stdin=slave, stdout=slave, stderr=slave, env=dict(env), close_fds=True
            )
        except BaseException:
            os.close(self._master)
            raise
        finally:
            os.close(slave)
        self._typed = bytearray()

    def fileno(self) -> int:
        return self._master

    @property
    def wants_to_write(self) -> bool:
        return bool(self._typed)

    def read(self) -> bytes | None:
        """What was printed; None once the program has ended and all of it was read, b"" where nothing is there."""
        try:
            return os.read(self._master, CHUNK) or None
        except BlockingIOError:
            return b""
        except OSError as error:
            if error.errno == errno.EIO:  # nobody has the other end any more
                return None
            raise

    def type(self, data: bytes) -> None:
        """Hand over what a person typed; `flush` writes what the program does not take at once."""
        self._typed += data
        self.flush()

    def flush(self) -> None:
        with suppress(BlockingIOError, OSError):
            while self._typed:
                del self._typed[: os.write(self._master, self._typed)]

    def resize(self, columns: int, rows: int) -> None:
        """The window is so large now; the kernel tells the program."""
        size = struct.pack("HHHH", min(max(rows, 1), MOST_ROWS), min(max(columns, 1), MOST_COLUMNS), 0, 0)
        with suppress(OSError):
            fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)

    def remind(self) -> None:
        """Let the program look at the size again: one that had just started may have missed the kernel's word."""
        with suppress(ProcessLookupError):
            os.kill(self._child.pid, signal.SIGWINCH)

    def close(self) -> None:
        """Hang up, and do not wait long for the program to take notice."""
        os.close(self._master)
        try:
            self._child.wait(LAST_MOMENT_S)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.kill(self._child.pid, signal.SIGKILL)
            self._child.wait()
