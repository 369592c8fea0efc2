"""A worker's turn at what the registry told: it asks where each tag is, and has that written down."""

from __future__ import annotations

import time
from collections.abc import Sequence

import structlog

from registry.actions.locks import PublishLock, publish_lock
from registry.actions.looks import Found, note_told
from registry.actions.told import put_off, ring, settle, take_events
from registry.client import RegistryClient, RegistryError
from registry.core.patience import Patience
from registry.models import RegistryEvent, Tag
from registry.opening import open_client

log = structlog.get_logger(__name__)
TURN_S = 60.0
"""After that others have their turn."""
LOCK_WAIT_S = 15.0
READ_S = 20.0
AGAIN_S = 10.0
PATIENCE = Patience(attempts=2, total_s=10.0)


def look_at_told() -> None:
    """Look at one repository after the other until nothing is due."""
    give_up = time.monotonic() + TURN_S
    while events := take_events():
        _look(events)
        if time.monotonic() > give_up:
            ring()
            return


def _look(events: Sequence[RegistryEvent]) -> None:
    """All under the publish lock. Dying anywhere leaves what is open to the next turn, which finds the rest done."""
    repository = events[0].repository
    try:
        with (
            open_client(repository.registry, patience=PATIENCE) as client,
            publish_lock(repository.pk, wait_s=LOCK_WAIT_S) as lock,
        ):
            _look_at_tags(events, client.within(READ_S), lock)
    except TimeoutError:
        sentence = "A build is putting its tags; this comes right after it."
        put_off(events, sentence, wait_s=AGAIN_S, counts=False)
    except RegistryError as error:
        put_off(events, error.message, wait_s=min(AGAIN_S * 2 ** min(events[0].turns, 6), 600.0))
    except Exception as error:  # a bug of ours must not keep others from their turn
        log.exception("a notification could not be looked at", repository=repository.pk)
        put_off(events, f"Imageyard itself met a fault ({type(error).__name__}).", wait_s=300)


def _look_at_tags(events: Sequence[RegistryEvent], client: RegistryClient, lock: PublishLock) -> None:
    repository = events[0].repository
    by_tag: dict[str, list[RegistryEvent]] = {}
    for event in events:
        for tag in _tags_of(event):
            by_tag.setdefault(tag, []).append(event)
    # What deletes a digest that no tag has here is nobody's business.
    idle = [event for event in events if not any(event in told for told in by_tag.values())]
    settle(idle)
    for tag, told in by_tag.items():
        digest = client.head(repository.registry_path, tag) or ""
        media_type = next((event.media_type for event in reversed(told) if event.digest == digest), "")
        if not note_told(repository, tag, told, Found(digest, media_type), lock):
            raise TimeoutError("the right to move tags was lost")


def _tags_of(event: RegistryEvent) -> list[str]:
    """The tag it is about; of a deletion by digest, all that have the digest here."""
    if event.tag:
        return [event.tag]
    rows = Tag.objects.filter(repository_id=event.repository_id)
    rows = rows.filter(digest=event.digest) if event.digest else rows
    return list(rows.order_by("name").values_list("name", flat=True))
