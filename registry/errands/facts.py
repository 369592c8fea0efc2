"""A worker reads what a tag's image is, where nobody knows it yet: its media type and size."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

from lib.clock import database_now
from registry.actions.facts import note_facts, put_off_facts, tags_without_facts
from registry.client import RegistryClient, RegistryError
from registry.models import Tag
from registry.opening import open_client

TURN_S = 60.0
READ_S = 20.0
AGAIN = timedelta(minutes=10)


def read_facts() -> None:
    """Read one repository's after the other, as long as the turn lasts; the rest is due with the next tick."""
    give_up = time.monotonic() + TURN_S
    while time.monotonic() < give_up and (tags := tags_without_facts(database_now())):
        try:
            with open_client(tags[0].repository.registry) as client:
                _read(tags, client, give_up)
        except RegistryError:
            put_off_facts(tags, database_now() + AGAIN)


def _read(tags: Sequence[Tag], client: RegistryClient, give_up: float) -> None:
    """An image that cannot be read has no size; one that the registry fails to give is asked for again."""
    for tag in tags:
        if time.monotonic() > give_up:
            return
        path = tag.repository.registry_path
        try:
            facts = client.within(READ_S).image_facts(path, tag.digest)
        except RegistryError as error:
            put_off_facts([tag], database_now() + AGAIN if error.retryable else None)
            continue
        note_facts(tag, media_type=facts.media_type, size_bytes=facts.size_bytes)
