"""Follows one build over its WebSocket, as a browser does; every line is printed once, missed ones by range."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
import orjson
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from imageyard.demo.failure import DemoError

MESSAGE_TIMEOUT_S = 120
# What a log may do to a terminal is its colours; everything else of C0, DEL and C1 is left out.
_CONTROL = re.compile(r"\x1b(?!\[[0-9;]*m)|[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f]")


class Follower:
    """Keeps, for each step, how many of its lines were printed."""

    def __init__(self, client: httpx.Client, build_id: int, out: Callable[[str], None]) -> None:
        self._client = client
        self._build_id = build_id
        self._out = out
        self._printed: dict[int, int] = {}
        self._names: dict[int, str] = {}
        self._headed = -1
        self._state = ""

    def follow(self, url: str, token: str) -> None:
        """Until the build has ended and all of its lines are printed.

        Raises:
            DemoError: the connection ended before the build did, or was silent for too long.
        """
        headers = {"Authorization": f"Bearer {token}"}
        try:
            with connect(url, additional_headers=headers, max_size=None, open_timeout=20, proxy=None) as socket:
                while self.take(orjson.loads(socket.recv(timeout=MESSAGE_TIMEOUT_S))):
                    pass
        except TimeoutError as error:
            raise DemoError(f"The live log was silent for {MESSAGE_TIMEOUT_S} s.") from error
        except (OSError, WebSocketException) as error:
            raise DemoError(f"The live log at {url} ended before the build did: {error}") from error

    def take(self, message: dict[str, Any]) -> bool:
        """One message; False after the last."""
        kind = message.get("type")
        if kind == "snapshot":
            self._say_state(message)
            for step in message["steps"]:
                self._step(step)
                self._fetch(step["index"], step["lines"])
        elif kind == "step":
            self._step(message)
        elif kind == "log":
            self._log(message["step"], message["first_line"], message["lines"])
        elif kind == "more":
            self._fetch(message["step"], message["lines"])
        elif kind == "state":
            self._say_state(message)
        elif kind == "end":
            for step in message["steps"]:
                self._fetch(step["index"], step["lines"])
            self._say_state(message)
            return False
        return True

    def _say_state(self, message: dict[str, Any]) -> None:
        state = message.get("state", "")
        if state and state != self._state:
            self._state = state
            self._out(f"── {state}{': ' + message['sentence'] if message.get('sentence') else ''}")

    def _step(self, message: dict[str, Any]) -> None:
        index = message.get("index", message.get("step"))
        if isinstance(index, int) and message.get("name"):
            self._names[index] = message["name"]
            if message.get("state") == "running" and index not in self._printed:
                self._head(index)

    def _log(self, step: int, first_line: int, lines: list[str]) -> None:
        printed = self._printed.get(step, 0)
        if first_line > printed:
            self._fetch(step, first_line)
            printed = self._printed.get(step, 0)
        self._print(step, lines[max(0, printed - first_line) :])

    def _fetch(self, step: int, until: int) -> None:
        while (printed := self._printed.get(step, 0)) < until:
            answer = self._client.get(
                f"/api/v1/builds/{self._build_id}/log",
                params={"step": step, "from": printed, "lines": min(1000, until - printed)},
            )
            answer.raise_for_status()
            lines = answer.json()["lines"]
            if not lines:
                return
            self._print(step, lines)

    def _print(self, step: int, lines: list[str]) -> None:
        if lines and self._headed != step:
            self._head(step)
        for line in lines:
            self._out(f"   {_shown(line)}")
        self._printed[step] = self._printed.get(step, 0) + len(lines)

    def _head(self, step: int) -> None:
        self._headed = step
        self._printed.setdefault(step, 0)
        self._out(f"▸ {_shown(self._names.get(step, f'step {step}'))}")


def _shown(line: str) -> str:
    """A line as a terminal ends up showing it: what a carriage return wrote over is gone."""
    last = next((part for part in reversed(line.split("\r")) if part), "")
    return _CONTROL.sub("", last)
