"""An ASGI layer that stops reading a webhook's body once it is too large, before Django spools it to a disk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_CUT = "imageyard.body_is_cut"
_PREFIX = "/webhooks/"


class BoundedBody:
    """Wraps the HTTP application. A body that is too large ends early for it, and `is_cut` says so in the view.

    The rest of the body is read by nobody; the server throws it away or closes the connection after the answer.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_PREFIX):
            await self.app(scope, receive, send)
            return
        left = settings.WEBHOOK_MAX_BYTES
        scope[_CUT] = _announced(scope) > left
        ended = False

        async def bounded() -> MutableMapping[str, Any]:
            nonlocal left, ended
            while not scope[_CUT]:
                message = await receive()
                left -= len(message.get("body", b""))
                if left >= 0:
                    return message
                scope[_CUT] = True
            if not ended:
                ended = True
                return {"type": "http.request", "body": b"", "more_body": False}
            # Whoever asks on waits for the sender to go away; what still comes in is thrown away.
            while (message := await receive())["type"] == "http.request":
                pass
            return message

        await self.app(scope, bounded, send)


def is_cut(request: HttpRequest) -> bool:
    """Whether `BoundedBody` stopped reading the body of this request."""
    return bool(getattr(request, "scope", {}).get(_CUT))


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and len(value) < 20:  # noqa: PLR2004 — digits of 2**63
            return int(value)
    return 0
