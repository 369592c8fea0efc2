"""A process of Imageyard's own that is started again when it ends by itself, later each time it does so at once."""

from __future__ import annotations

import time

from imageyard.supervisor.child import Child, PartError, rotate
from imageyard.supervisor.terminal import LogTail, Terminal

FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 30.0
WELL_AFTER_S = 20.0


class Watched:
    """One service and its restarts."""

    def __init__(self, child: Child, terminal: Terminal) -> None:
        self.child = child
        self._terminal = terminal
        self._tail: LogTail | None = None
        self._delay_s = FIRST_DELAY_S
        self._started = 0.0
        self._again_at: float | None = None

    def start(self) -> None:
        """Start it."""
        if self._tail is None:
            rotate(self.child.log)
            self._tail = LogTail(self._terminal, self.child.name, self.child.log)
        self.child.start()
        self._started, self._again_at = time.monotonic(), None

    def follow(self) -> None:
        """Say in the terminal what its log says loudly, from its start on; before that an end says so itself."""
        if self._tail is not None:
            self._tail.start()

    def need_running(self) -> None:
        """While everything starts, an end is not tried again.

        Raises:
            PartError: it ended, with the end of its log.
        """
        if self.child.exit_code is not None:
            raise PartError(
                f"{self.child.name} ended with exit code {self.child.exit_code} while it started. The end of "
                f"{self.child.log}:\n{self.child.last_lines(12)}"
            )

    def look(self) -> None:
        """Start it again where it ended and its delay is over; called every moment by the main thread."""
        now = time.monotonic()
        if self.child.exit_code is None:
            return
        if self._again_at is None:
            # A worker that was drained leaves with 0: that is no fault that comes back.
            if now - self._started > WELL_AFTER_S or self.child.exit_code == 0:
                self._delay_s = FIRST_DELAY_S
            self._again_at = now + self._delay_s
            self._terminal.say(
                f"{self.child.name} ended with {_end(self.child.exit_code)} and starts again in {self._delay_s:.0f} s. "
                f"Its log is {self.child.log}."
            )
            self._delay_s = min(self._delay_s * 2, LONGEST_DELAY_S)
        elif now >= self._again_at:
            self.start()

    def finish(self) -> None:
        """Follow its log no longer."""
        if self._tail is not None:
            self._tail.finish()


def _end(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"signal {-exit_code}"
    return f"exit code {exit_code}"
