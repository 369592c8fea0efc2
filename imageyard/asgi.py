"""HTTP and WebSocket in one ASGI application; WebSockets are taken from our own origin, or with a token."""

from __future__ import annotations

import gc
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imageyard.settings")

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import get_resolver

from imageyard.handler import http_application

http = http_application()

from builds.urls import websocket_urlpatterns  # noqa: E402 — models exist only after Django is set up
from imageyard.lifespan import lifespan  # noqa: E402
from imageyard.origin import OriginOrToken  # noqa: E402
from webhooks.views.door import WebhookDoor  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": WebhookDoor(http),
        "websocket": OriginOrToken(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
        "lifespan": lifespan,
    }
)

# A thread that answers a forge shall not wait 5 ms, Python's usual turn, for one that draws a page.
sys.setswitchinterval(0.0005)
# All addresses with their pages, which the first request would load otherwise.
get_resolver().url_patterns  # noqa: B018
# What is loaded by now is no garbage, and a thread that looks for some keeps all others waiting.
gc.freeze()
gc.set_threshold(20_000, 20, 50)
