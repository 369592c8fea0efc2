"""What the person at the terminal reads: progress sentences, and the part of the servers' logs that wants attention."""

from __future__ import annotations

import re
import sys
import threading
import time
from pathlib import Path

# A line that begins with its level (uvicorn), or with a time and then its level (ours, Celery's).
_LEVEL = re.compile(r"^(?:(?:\S+ ){0,2}\[?|\[[^\]]*)(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b", re.IGNORECASE)
_LOUD = ("WARNING", "ERROR", "CRITICAL")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# Somebody asked for a page that is not there, or may not see it: their browser says so, no operator has to. /readyz
# tells its own reader.
_QUIET = re.compile(r"WARNING +django\.request: |ERROR +django\.request: Service Unavailable: /readyz")


class Terminal:
    """Writes whole lines, from any thread, each with the name of who speaks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._colour = sys.stdout.isatty()

    def say(self, sentence: str, *, who: str = "imageyard") -> None:
        """One sentence, or several lines, of one speaker."""
        name = f"\x1b[2m{who:>9} │\x1b[0m" if self._colour else f"{who:>9} │"
        with self._lock:
            for line in sentence.splitlines() or [""]:
                sys.stdout.write(f"{name} {line}\n")
            sys.stdout.flush()

    def raw(self, text: str) -> None:
        """Lines that carry their own layout, such as a build's log."""
        with self._lock:
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()


class LoudLines:
    """Picks the lines of a log that a person should see: warnings and worse, with the lines that belong to them."""

    def __init__(self) -> None:
        self._in_loud = False

    def pick(self, line: str) -> bool:
        """Whether the next line of the log is shown. A line without a level goes with the one before it."""
        level = _LEVEL.match(_COLOUR.sub("", line))
        if level is not None:
            self._in_loud = level[1].upper() in _LOUD and _QUIET.search(line) is None
        elif line.startswith("Traceback (most recent call last)"):
            self._in_loud = True
        return self._in_loud and bool(line.strip())


class LogTail(threading.Thread):
    """Follows one log file from where it ends now, and says its loud lines in the terminal."""

    def __init__(self, terminal: Terminal, who: str, log: Path) -> None:
        super().__init__(name=f"tail-{who}", daemon=True)
        self._terminal = terminal
        self._who = who
        self._log = log
        self._place = log.stat().st_size if log.exists() else 0
        self._finished = threading.Event()

    def run(self) -> None:
        loud, rest = LoudLines(), b""
        while True:
            last = self._finished.is_set()
            rest += self._new_bytes()
            *lines, rest = rest.split(b"\n")
            shown = [line for line in (raw.decode("utf-8", "replace") for raw in lines) if loud.pick(line)]
            if shown:
                self._terminal.say("\n".join(shown), who=self._who)
            if last:
                return
            self._finished.wait(0.3)

    def finish(self) -> None:
        """Say what is still there, and end."""
        self._finished.set()
        if self.is_alive():
            self.join(2)

    def _new_bytes(self) -> bytes:
        try:
            if self._log.stat().st_size < self._place:  # a new file after a rotation
                self._place = 0
            with self._log.open("rb") as file:
                file.seek(self._place)
                new = file.read(256 * 1024)
        except FileNotFoundError:
            return b""
        self._place += len(new)
        return new


class Waiting:
    """Says what is waited for when it takes longer than a moment, and again every few seconds."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._since = time.monotonic()
        self._next_s = 1.0
        self._what = ""

    def for_(self, what: str) -> None:
        """Call it on every poll."""
        now = time.monotonic()
        if what != self._what:
            self._what, self._since, self._next_s = what, now, 1.0
        waited_s = now - self._since
        if waited_s >= self._next_s:
            self._terminal.say(f"Waiting for {what} ({waited_s:.0f} s).")
            self._next_s = waited_s + 5
