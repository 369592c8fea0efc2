"""A shell that runs: the loop between its terminal and the line to its viewer, and when it is over.

Everything that is shown passes the redactor first, and is kept as the session's transcript.
"""

from __future__ import annotations

import os
import selectors
import time
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from django.conf import settings
from django.core.files.storage import storages
from django.db import close_old_connections
from redis.exceptions import RedisError

from builds.actions import debug_shells
from builds.engine.dockerclient import Docker
from builds.engine.shellbox import ShellBox
from builds.engine.stopflag import StopFlag
from builds.engine.terminal import Terminal
from builds.live.shell_line import Heard, WorkerLine
from builds.logs import transcripts
from builds.models import DebugSession
from builds.pipeline.shell_ears import Ears
from builds.pipeline.variables import secrets_of
from lib.redact import Redactor

log = structlog.get_logger(__name__)
LOOK_S = 2.0
# Nobody has the page open any more. Long enough to load it again, or for a web process to start anew.
UNSEEN_S = 90.0
SAVE_S = 60.0
# A pause in what is printed: what the redactor holds back, as it may begin a secret, is shown then.
SETTLE_S = 0.03
SILENT_S = 5.0
REMIND_S = 2.0
REDIS_AWAY_S = 60.0


@dataclass
class _Times:
    """Moments of `time.monotonic`."""

    begun: float = field(default_factory=time.monotonic)
    typed: float = field(default_factory=time.monotonic)
    seen: float = field(default_factory=time.monotonic)
    saved: float = field(default_factory=time.monotonic)
    looked: float = field(default_factory=time.monotonic)
    printed: float = 0.0
    resized: float = 0.0


class ShellLoop:
    """The loop of one session."""

    def __init__(self, session: DebugSession, worker: str, stop: StopFlag, line: WorkerLine) -> None:
        self._session, self._worker, self._stop, self._line = session, worker, stop, line
        build = session.debug_image.build
        self._mask = Redactor(secrets_of(build)).stream()
        self._holds = self._is_there = False
        self._unsent = bytearray()
        self._storage = storages["logs"]
        self._transcript = transcripts.Transcript(self._storage, build.pk, session.pk)
        self._times = _Times()

    def run(self, docker: Docker, box: ShellBox) -> str:
        """Until it ends; gives why."""
        terminal, ears = Terminal(box.attach, docker.environment), Ears(self._line)
        ears.start()
        try:
            return self._loop(terminal, ears)
        finally:
            ears.close()
            terminal.close()
            self._settle()
            self._save()

    def _say_state(self) -> None:
        """Until when the shell is open, once it has shown a first sign of life; a page that missed it asks again."""
        self._is_there = True
        with suppress(RedisError, OSError):
            self._line.say("state", self._session.until.isoformat().encode())

    def _loop(self, terminal: Terminal, ears: Ears) -> str:
        with selectors.DefaultSelector() as selector, self._stop.watched() as stopped:
            selector.register(stopped, selectors.EVENT_READ)
            selector.register(ears.woken, selectors.EVENT_READ)
            watched = 0
            while True:
                watched = _watch_for(selector, terminal, watched, self._wanted(terminal))
                ready = {key.fd for key, _ in selector.select(self._patience())}
                if self._stop.is_set():
                    return debug_shells.why_over(self._session.pk, self._worker) or "The worker shuts down."
                if ears.woken in ready:
                    os.eventfd_read(ears.woken)
                self._take(terminal, ears)
                if terminal.fileno() in ready and not self._pass_on(terminal):
                    return "The shell ended."
                if reason := self._why_over(ears):
                    return reason
                self._remind(terminal)

    def _wanted(self, terminal: Terminal) -> int:
        """What the loop waits for: output only as far as the viewer keeps up."""
        wanted = selectors.EVENT_READ if self._line.is_open and not self._unsent else 0
        return wanted | (selectors.EVENT_WRITE if terminal.wants_to_write else 0)

    def _patience(self) -> float:
        return SETTLE_S if self._holds or self._unsent else LOOK_S / 4

    def _pass_on(self, terminal: Terminal) -> bool:
        """Write what waits to be typed, show what was printed; False once the program has ended."""
        terminal.flush()
        if not self._wanted(terminal) & selectors.EVENT_READ:
            return True
        printed = terminal.read()
        if printed:
            self._times.printed = time.monotonic()
            self._show(self._mask.feed(printed))
            self._holds = True
            if not self._is_there:
                self._say_state()
        return printed is not None

    def _settle(self) -> None:
        """Show what was held back."""
        self._holds = False
        self._show(self._mask.flush())

    def _show(self, data: bytes) -> None:
        self._transcript.add(data)
        self._unsent += data
        self._send()

    def _send(self) -> None:
        """Hand over to the viewer; what Redis does not take is tried again, and nothing more is read until then."""
        if self._unsent:
            with suppress(RedisError, OSError):
                self._line.say("data", bytes(self._unsent))
                self._unsent.clear()

    def _take(self, terminal: Terminal, ears: Ears) -> None:
        now = time.monotonic()
        while ears.typed and not terminal.wants_to_write:
            self._times.typed = self._times.seen = now
            terminal.type(ears.typed.popleft())
        while ears.signs:
            self._times.seen = now
            self._heed(terminal, ears.signs.popleft())

    def _heed(self, terminal: Terminal, sign: Heard) -> None:
        match sign.kind:
            case "resize":
                columns, _, rows = sign.data.partition(b"x")
                if columns.isdigit() and rows.isdigit():
                    terminal.resize(int(columns), int(rows))
                    self._times.resized = time.monotonic()
            case "ack":
                with suppress(ValueError):
                    self._line.drawn(sign.data)
            case "hello" if self._is_there:
                self._say_state()

    def _remind(self, terminal: Terminal) -> None:
        """A moment after the size changed, say it once more: a client that was starting then would have missed it."""
        if self._times.resized and time.monotonic() - self._times.resized > REMIND_S:
            self._times.resized = 0.0
            terminal.remind()

    def _why_over(self, ears: Ears) -> str:
        """What is due between two looks at the line, and why the shell is to end, if it is."""
        now, times = time.monotonic(), self._times
        if self._holds and now - times.printed >= SETTLE_S:
            self._settle()
        self._send()
        if now - times.looked < LOOK_S:
            return ""
        times.looked = now
        if not self._is_there and now - times.begun > SILENT_S:
            self._say_state()  # a shell without a prompt
        if now - times.typed > settings.SHELL_IDLE_MINUTES * 60:
            return f"Nobody typed for {settings.SHELL_IDLE_MINUTES} min."
        if now - times.seen > UNSEEN_S:
            return "Its page was closed."
        if ears.away_since is not None and now - ears.away_since > REDIS_AWAY_S:
            return "The line between the page and the worker broke."
        if now - times.saved > SAVE_S:
            self._save()
        return self._look()

    def _look(self) -> str:
        try:
            close_old_connections()
            reason = debug_shells.why_over(self._session.pk, self._worker)
            self._line.keep()
        except (RedisError, OSError):
            return ""
        except Exception:  # a database that is away for a moment must not end it; the time box does in any case
            log.exception("a shell could not be looked at", session=self._session.pk)
            return ""
        return reason

    def _save(self) -> None:
        self._times.saved = time.monotonic()
        if not self._transcript.has_grown:
            return
        try:
            name, before = self._transcript.save()
            debug_shells.record_transcript(self._session.pk, name)
            transcripts.forget(self._storage, before)
        except Exception:  # any storage may be behind it, and the shell goes on without
            log.exception("a transcript could not be stored", session=self._session.pk)


def _watch_for(selector: selectors.BaseSelector, terminal: Terminal, before: int, wanted: int) -> int:
    """Let the selector wait for `wanted` of the terminal; gives that."""
    if before == wanted:
        return wanted
    if not before:
        selector.register(terminal, wanted)
    elif not wanted:
        selector.unregister(terminal)
    else:
        selector.modify(terminal, wanted)
    return wanted
