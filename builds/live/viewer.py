"""What waits for one viewer, in bounded memory. No network: whoever sends takes it from here."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection

from builds.live.state import Message

MAX_MESSAGES = 256
MAX_CHARS = 1024 * 1024


class Viewer:
    """A queue of messages in order.

    A viewer that does not keep up loses nothing: beyond the limit only the last message of each kind is kept, and in
    place of log lines it hears how many there are ("more"), to read those it shows by range. One that is `deaf` to
    kinds of messages ("log", "partial") hears the others only.
    """

    def __init__(self, more: Callable[[Message], str], *, deaf: Collection[str] = ()) -> None:
        self.is_over = False
        self._deaf = deaf
        self._more = more
        self._queue: deque[Message] = deque()
        self._chars = 0
        self._late: dict[tuple[str, object], Message] = {}
        # Who waits for news. A bare future: an Event costs twice that, for every viewer and message.
        self._awaited: asyncio.Future[None] | None = None

    def offer(self, message: Message) -> None:
        """Add a message."""
        if message.key[0] in self._deaf:
            return
        if self._late or len(self._queue) >= MAX_MESSAGES or self._chars >= MAX_CHARS:
            self._late[message.key] = message
        else:
            self._queue.append(message)
            self._chars += len(message.text)
        self._wake()

    def replace(self, messages: list[Message]) -> None:
        """Forget what waits: `messages` say all of it."""
        self._queue.clear()
        self._late.clear()
        self._chars = 0
        self._queue.extend(message for message in messages if message.key[0] not in self._deaf)
        self._wake()

    def close(self) -> None:
        """Nothing follows what waits already."""
        self.is_over = True
        self._wake()

    async def take(self) -> list[str]:
        """Everything that waits, as soon as there is something; nothing when it is over."""
        while not self._queue and not self.is_over:
            self._awaited = asyncio.get_running_loop().create_future()
            await self._awaited
        texts = [message.text for message in self._queue]
        late = sorted(self._late.values(), key=lambda message: message.number)
        texts += [self._more(message) if message.key[0] == "log" else message.text for message in late]
        self._queue.clear()
        self._late.clear()
        self._chars = 0
        return texts

    def _wake(self) -> None:
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(None)
