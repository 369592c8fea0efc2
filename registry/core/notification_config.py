"""What the own registry is told about telling us: the section `notifications` of Distribution's configuration."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

PATH = "/registry/events"
_PURPOSE = b"imageyard: notifications of the registry, 1"


def events_secret(secret_key: str) -> str:
    """What the registry shows when it calls: every process can work it out, nothing stores it, it ends with its key."""
    return hmac.new(secret_key.encode(), _PURPOSE, hashlib.sha256).hexdigest()


def endpoints(url: str, secret: str) -> list[dict[str, Any]]:
    """The list `notifications.endpoints`, for Distribution 2.8 and 3. `url` is where web answers, without a path.

    A file takes it as it is. In the environment `REGISTRY_NOTIFICATIONS_ENDPOINTS` takes the whole list as YAML, which
    JSON is; the variables that name one field of it do not reach into a list in 2.8. Layers are not told of, a call
    that fails is repeated for ever, after ten failures in a row every two seconds; what waits is in the registry's
    memory alone.
    """
    return [
        {
            "name": "imageyard",
            "url": url.rstrip("/") + PATH,
            "headers": {"Authorization": [f"Bearer {secret}"]},
            "timeout": "5s",
            "threshold": 10,
            "backoff": "2s",
            "ignoredmediatypes": ["application/octet-stream"],
        }
    ]
