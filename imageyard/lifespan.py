"""What web does before its process ends: what it holds in memory alone goes to the database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from registry.actions.pulls import flusher

Message = MutableMapping[str, Any]


async def lifespan(
    _scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """ASGI's lifespan protocol; at the shutdown, behind the last request, pulls are counted."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await asyncio.to_thread(flusher.close)
            await send({"type": "lifespan.shutdown.complete"})
            return
