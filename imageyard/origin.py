"""WebSocket's origin check: a browser must come from our own pages; a program must bring a token instead."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http.request import validate_host


class OriginOrToken:
    """Denies a socket that was opened by a foreign page: its cookie would be sent along without the person's will.

    Programs send no Origin. They are let through, and the consumer asks for a session or an `Authorization` header.
    `scope["send_as_is"]` is the server's own way to send: the session's middleware looks at every message for a cookie
    that it might set, which a thousand viewers of a log would each pay for.
    """

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        headers = dict(scope.get("headers", []))
        origin = headers.get(b"origin", b"").decode("latin-1")
        if origin and not self._is_ours(origin, headers.get(b"host", b"").decode("latin-1")):
            return await WebsocketDenier()(scope, receive, send)
        return await self.application({**scope, "send_as_is": send}, receive, send)

    @staticmethod
    def _is_ours(origin: str, host: str) -> bool:
        try:
            parts = urlsplit(origin)
            name = parts.hostname or ""
        except ValueError:
            return False
        return validate_host(name, settings.ALLOWED_HOSTS) and parts.netloc in (
            host,
            urlsplit(settings.PUBLIC_URL).netloc,
        )
