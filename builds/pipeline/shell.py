"""One shell from the worker's side: its container, its terminal, and the line to the browser, until it ends.

Everything that is shown passes the redactor first, and is kept as the session's transcript.
"""

from __future__ import annotations

import os
import selectors
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from django.conf import settings
from django.core.files.storage import storages
from django.db import close_old_connections, connection
from redis.exceptions import RedisError

from builds.actions import debug_shells
from builds.core.debug_step import StepFacts
from builds.core.errors import BuildError, Stopped
from builds.engine.dockerclient import Docker, docker_client
from builds.engine.shellbox import BoxLimits, ShellBox, ShellImage
from builds.engine.stopflag import StopFlag
from builds.engine.terminal import Terminal
from builds.live.shell_line import Heard, WorkerLine, worker_line
from builds.logs import transcripts
from builds.models import DebugSession
from builds.pipeline.build import auths_of
from builds.pipeline.sandbox import OWNER, RUN, owner, shell_name
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
_MOST_QUEUED = 256


def run_shell(session: DebugSession, worker: str, stop: StopFlag) -> None:
    """Run a session that this worker has taken to its end. Nothing but a bug raises, and even that closes it."""
    try:
        with worker_line(session.pk) as line:
            reason = _prepared(session, worker, stop, line)
            debug_shells.close_shell(session.pk, reason)
            row = DebugSession.objects.filter(pk=session.pk).first()
            with suppress(RedisError):
                line.say("end", (row.end_reason if row else reason).encode())
    except Exception:  # the edge of a thread
        log.exception("a shell met a fault", session=session.pk)
        debug_shells.close_shell(session.pk, "Imageyard itself met a fault that its log tells more of.")
    finally:
        connection.close()


def _prepared(session: DebugSession, worker: str, stop: StopFlag, line: WorkerLine) -> str:
    """Make the container and be its terminal; gives why it ended."""
    build, image = session.debug_image.build, session.debug_image
    facts = StepFacts.from_json(image.facts)
    labels = {OWNER: owner(), RUN: shell_name(session.pk)}
    with docker_client(settings.DOCKER_HOST, stop, auths_of(build.repository.registry)) as docker:
        box = ShellBox(
            docker,
            ShellImage(name=image.image, platform=facts.platform, environment=facts.args),
            BoxLimits(memory_bytes=settings.SHELL_MEMORY_BYTES, processes=settings.TEST_PIDS),
            name=f"imageyard-{owner()}-shell-{session.pk}",
            labels=labels,
        )
        try:
            with _watched(session, worker, stop):
                box.pull()
                box.create()
            if not debug_shells.record_started(session, box.name):
                return "It was closed."
            return _Attended(session, worker, stop, line).run(docker, box)
        except BuildError as error:
            return Redactor(secrets_of(build)).text(error.message)
        except Stopped:
            return debug_shells.why_over(session.pk, worker) or "The worker shuts down. Open another shell."
        finally:
            box.remove()


class _watched:  # noqa: N801 — used as a function
    """While the image is pulled: say that the worker lives, and stop where nobody wants the shell any more."""

    def __init__(self, session: DebugSession, worker: str, stop: StopFlag) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=[session.pk, worker, stop], daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self, session_id: int, worker: str, stop: StopFlag) -> None:
        try:
            while not self._over.wait(LOOK_S) and not stop.is_set():
                with suppress(Exception):  # a database that is away must not end the watch
                    close_old_connections()
                    if debug_shells.why_over(session_id, worker):
                        stop.set("cancelled")
        finally:
            connection.close()


class _Ears(threading.Thread):
    """Reads what the viewer sends, and wakes the loop."""

    def __init__(self, line: WorkerLine) -> None:
        super().__init__(name="shell-ears", daemon=True)
        self._line, self._over = line, threading.Event()
        self.woken = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.typed: deque[bytes] = deque()
        self.signs: deque[Heard] = deque()
        self.away_since: float | None = None

    def run(self) -> None:
        while not self._over.is_set():
            try:
                found = self._line.hear(0.5, typed=len(self.typed) < _MOST_QUEUED)
            except (RedisError, OSError):
                self.away_since = self.away_since or time.monotonic()
                self._over.wait(0.5)
                continue
            self.away_since = None
            if found:
                self.typed.extend(heard.data for heard in found if heard.kind == "data")
                self.signs.extend(heard for heard in found if heard.kind != "data")
                os.eventfd_write(self.woken, 1)

    def close(self) -> None:
        self._over.set()
        self.join()
        os.close(self.woken)


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


class _Attended:
    """A shell that runs: the loop between terminal and line."""

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
        terminal, ears = Terminal(box.attach, docker.environment), _Ears(self._line)
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

    def _loop(self, terminal: Terminal, ears: _Ears) -> str:
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

    def _take(self, terminal: Terminal, ears: _Ears) -> None:
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

    def _why_over(self, ears: _Ears) -> str:
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
