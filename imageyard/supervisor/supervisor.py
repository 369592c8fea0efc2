"""The order in which everything starts and stops; signals and the exit code are in `run.py`."""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from typing import IO

from imageyard.env import Env
from imageyard.own_registry import note_own_registry
from imageyard.supervisor import services
from imageyard.supervisor.child import Child, PartError, rotate
from imageyard.supervisor.parts import Part, make_private
from imageyard.supervisor.plan import Plan, make_plan
from imageyard.supervisor.ports import http_status
from imageyard.supervisor.terminal import Terminal, Waiting
from imageyard.supervisor.watched import Watched

START_TIMEOUT_S = 120.0
# What a worker may take beyond its drain time to write down what it hands back.
DRAIN_EXTRA_S = 15.0
ROTATE_EVERY_S = 60.0


class Supervisor:
    """Everything that `make up` runs, as children of this process.

    All of its methods belong into the main thread: children end with the thread that started them.
    """

    def __init__(self, env: Env, terminal: Terminal) -> None:
        self.env = env
        self.terminal = terminal
        self.waiting = Waiting(terminal)
        self.parts: list[Part] = []
        self.services: dict[str, Watched] = {}
        self.docker_host = ""
        self.owns_registry = False
        self.login = ""
        self.preparation: Child | None = None
        self.hurry = threading.Event()
        self._lock: IO[str] | None = None
        self._rotate_at = 0.0

    def start(self) -> None:
        """Start what is missing, all at once as far as it can be, and return when it answers.

        Raises:
            PartError: with the sentence for the terminal; the caller then stops what did start.
        """
        began = time.monotonic()
        make_private(self.env.run_dir)
        self._take_lock()
        plan = make_plan(self.env)
        for sentence in plan.sentences:
            self.terminal.say(sentence)
        self.docker_host = plan.docker_host
        environ = self._environ(plan)
        self.preparation = services.prepare(self.env, environ)
        self.preparation.start()
        self._start_parts(plan)
        self._wait_for(self.preparation)
        if plan.registry is not None:  # not before the preparation wrote down whom it is to believe
            self._start(plan.registry)
        self._read_login()
        if plan.redis is not None:
            self._wait_ready(plan.redis, "Redis")
        for make in (services.web, services.worker, services.beat):
            service = Watched(make(self.env, environ), self.terminal)
            service.start()
            self.services[service.child.name] = service
        if plan.registry is not None:
            self._wait_ready(plan.registry, f"Registry on {self.env.registry}")
        if plan.hub_cache is not None:
            self._wait_ready(plan.hub_cache, f"Cache for Docker Hub on {self.env.hub_cache}")
        if plan.engine is not None:
            self._wait_ready(plan.engine, "Docker Engine")
        self._wait_for_answers()
        for service in self.services.values():
            service.follow()
        self.terminal.say(
            f"Imageyard runs: {self.env.url} (started in {time.monotonic() - began:.1f} s). Ctrl-C stops it."
        )

    def watch(self) -> None:
        """Look after the children once; called every moment."""
        if time.monotonic() > self._rotate_at:
            self._rotate_at = time.monotonic() + ROTATE_EVERY_S
            for child in (*(part.child for part in self.parts), *(one.child for one in self.services.values())):
                rotate(child.log)
        for service in self.services.values():
            service.look()
        for part in self.parts:
            if part.child.exit_code is not None:
                self.terminal.say(
                    f"{part.child.name} ended with exit code {part.child.exit_code} and is started again. Its log is "
                    f"{part.child.log}."
                )
                part.child.process = None
                part.start()
                part.wait_ready()

    def stop(self) -> None:
        """Stop what this process started, and nothing else: first the worker, which hands back its builds."""
        if self.preparation is not None:
            self.preparation.stop(grace_s=5)
        self._stop_worker()
        for name in ("beat", "web"):
            if name in self.services:
                self.services[name].child.stop(grace_s=8)
        for part in reversed(self.parts):
            part.stop()
        for service in self.services.values():
            service.finish()
        if self._lock is not None:
            self._lock.close()
        self.terminal.say("Stopped.")

    def _stop_worker(self) -> None:
        """Wait for its drain time and a little more, or until somebody is in a hurry."""
        if "worker" not in self.services:
            return
        worker = self.services["worker"].child
        if worker.runs and self.env.drain_s:
            self.terminal.say(
                f"Stopping. A build that runs has {self.env.drain_s} s to end before it is handed back; Ctrl-C again "
                "ends the wait."
            )
        worker.ask()
        deadline = time.monotonic() + self.env.drain_s + DRAIN_EXTRA_S
        while worker.runs and time.monotonic() < deadline and not self.hurry.is_set():
            time.sleep(0.05)
        worker.wait(0)

    def _take_lock(self) -> None:
        """One supervisor for each home; the kernel gives the lock of one that was killed back."""
        self._lock = (self.env.run_dir / "supervisor.lock").open("a+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.seek(0)
            raise PartError(
                f"Imageyard already runs on {self.env.home} (process {self._lock.read().strip()}). Stop that one, or "
                "choose another IMAGEYARD_HOME."
            ) from error
        self._lock.truncate(0)
        self._lock.write(str(os.getpid()))
        self._lock.flush()

    def _start_parts(self, plan: Plan) -> None:
        for part in (plan.engine, plan.redis, plan.hub_cache):
            if part is not None:
                self._start(part)

    def _start(self, part: Part) -> None:
        self.parts.append(part)
        part.start()

    def _environ(self, plan: Plan) -> dict[str, str]:
        environ = {**os.environ, "IMAGEYARD_HOME": str(self.env.home), "PYTHONUNBUFFERED": "1"}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling every module anew is half of a start's time
        if self.docker_host:
            environ["DOCKER_HOST"] = self.docker_host
        own = plan.registry if plan.registry is not None and plan.registry.sections else None
        note_own_registry(self.env.run_dir, self.env.registry, own.folder if own else None)
        self.owns_registry = own is not None
        return environ

    def _wait_for(self, preparation: Child) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S * 5
        while preparation.runs:
            self.waiting.for_("the database's migrations")
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        if preparation.exit_code != 0:
            raise PartError(
                f"The database could not be prepared (exit code {preparation.exit_code}). The end of "
                f"{preparation.log}:\n{preparation.last_lines(8)}"
            )

    def _read_login(self) -> None:
        file = self.env.run_dir / "login"
        self.login = file.read_text(encoding="utf-8").strip()
        file.unlink()
        if self.login:
            self.terminal.say(self.login)

    def _wait_ready(self, part: Part, name: str) -> None:
        part.wait_ready(START_TIMEOUT_S)
        self.terminal.say(f"{name}: runs, as a child of this process.")

    def _wait_for_answers(self) -> None:
        """Until /readyz says that every part answers."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while missing := self._missing():
            for service in self.services.values():
                service.need_running()
            self.waiting.for_(missing)
            if time.monotonic() > deadline:
                raise PartError(f"Gave up after {START_TIMEOUT_S:.0f} s of waiting for {missing}. {self._logs()}")
            time.sleep(0.2)

    def _missing(self) -> str:
        """What does not answer yet, for the line of progress; empty when all do."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.env.http_host, self.env.http_host)  # noqa: S104 -- compared
        if http_status(host, self.env.http_port, "/healthz") is None:
            return "web to answer"
        ready = http_status(host, self.env.http_port, "/readyz", timeout_s=10)
        if ready is None:
            return "web to say what is ready"
        if ready[0] == 200:  # noqa: PLR2004
            return ""
        try:
            parts = json.loads(ready[1])["parts"]
            late = [name for name, said in parts.items() if said != "ok"]
            # A full disk keeps builds back, not Imageyard: its pages are where room is made.
            return " and ".join(name for name in late if name != "disk") if late else "every part"
        except (ValueError, KeyError, AttributeError):
            return "every part"

    def _logs(self) -> str:
        return f"The logs are in {self.env.home / 'log'}."
