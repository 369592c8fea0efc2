"""From the first signal handler to the exit code: start everything, watch it, stop it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

from imageyard.env import Env
from imageyard.supervisor.child import PartError
from imageyard.supervisor.supervisor import Supervisor
from imageyard.supervisor.terminal import Terminal

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopAsked(BaseException):
    """SIGINT, SIGTERM or SIGHUP came; raised in the main thread by the signal handler."""


def run(env: Env, *, and_then: Callable[[Supervisor], int] | None = None, stays: bool = True) -> int:
    """Start, run `and_then` in a thread of its own, watch, and stop; returns the exit code.

    Without `stays` the end of `and_then` is the end of everything; with it only its failure is. A signal ends it
    with 0.
    """
    # Debian leaves the system's programs out of the PATH of people; dockerd and ip are among them.
    os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"
    terminal = Terminal()
    supervisor = Supervisor(env, terminal)
    handlers = {number: signal.signal(number, _ask_to_stop) for number in SIGNALS}
    code = 0
    try:
        supervisor.start()
        follow_up = _FollowUp(supervisor, and_then)
        follow_up.start()
        while not (follow_up.is_over and (follow_up.code != 0 or not stays)):
            supervisor.watch()
            time.sleep(0.2)
        code = follow_up.code
    except StopAsked:
        code = 0
    except PartError as error:
        terminal.say(str(error))
        code = 1
    finally:
        # From here on a signal means hurry; it must not interrupt the stopping.
        for number in SIGNALS:
            signal.signal(number, lambda *_: supervisor.hurry.set())
        supervisor.stop()
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return code


class _FollowUp(threading.Thread):
    """What runs beside the watching; daemon, so that a stop does not wait for it."""

    def __init__(self, supervisor: Supervisor, work: Callable[[Supervisor], int] | None) -> None:
        super().__init__(name="follow-up", daemon=True)
        self._supervisor = supervisor
        self._work = work
        self.code = 0
        self.is_over = False

    def run(self) -> None:
        try:
            if self._work is not None:
                self.code = self._work(self._supervisor)
            self.is_over = self._work is not None
        except BaseException:
            self.code, self.is_over = 1, True
            raise


def _ask_to_stop(_number: int, _frame: FrameType | None) -> None:
    raise StopAsked
