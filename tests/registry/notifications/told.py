"""Events as the own registry sends them, and a worker that looks at them. Not a test."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from registry.actions.told import take_told
from registry.core.manifest import Manifest
from registry.core.notifications import Told
from registry.errands.told import look_at_told
from registry.models import RegistryEvent

PATH = "acme/web"
_ids = itertools.count(1)


def event(action: str = "push", tag: str = "latest", **changed: Any) -> Told:
    """An event that came just now, of wendy."""
    fields: dict[str, Any] = {
        "id": f"event-{next(_ids)}",
        "action": action,
        "repository": PATH,
        "tag": tag,
        "digest": "",
        "media_type": "",
        "actor": "wendy",
        "at": timezone.now(),
        "is_head": False,
        "agent": "docker/28.5.2",
    }
    return Told(**{**fields, **changed})


def pushed(manifest: Manifest, tag: str = "latest", **changed: Any) -> Told:
    return event("push", tag, digest=manifest.digest, media_type=manifest.media_type, **changed)


def ago(seconds: float) -> datetime:
    return timezone.now() - timedelta(seconds=seconds)


def tell(*told: Told) -> int:
    """The registry tells, and a worker looks."""
    kept = take_told(told, timezone.now())
    look_at_told()
    return kept


def open_events() -> list[RegistryEvent]:
    return list(RegistryEvent.objects.filter(handled_at=None))
