"""The check before a build: whether its registry answers and takes the account, found out in a second."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress

from django.core.cache import cache

from registry.actions.accounts_there import note_use
from registry.client import RegistryClient, RegistryError
from registry.core.kinds import RATE_PREVIEW, Kind
from registry.core.patience import Patience
from registry.core.rate import Rate
from registry.models import Registry
from registry.opening import open_client

PATIENCE = Patience(attempts=3, total_s=12.0)
GOOD_FOR_S = 300
"""A check that passed counts for so long, for the same account and place. One that failed counts for nothing."""


def check_before_push(registry: Registry, path: str, *, wait: Callable[[float], None] = time.sleep) -> None:
    """Raise RegistryError, with the sentence that the push would end with, where `path` cannot be pushed to.

    The result is counted at the registry, as is how many pulls are left where it tells.
    """
    key = _key(registry, path)
    if cache.get(key):
        return
    try:
        with open_client(registry, patience=PATIENCE, wait=wait) as client:
            client.ping()
            # Our own believes what we sign, and one without an account has nothing to check.
            if not registry.is_own and (registry.username or registry.kind == Kind.ECR):
                client.check_push(path)
            rate = _rate(client) if registry.facts.counts_pulls else None
    except RegistryError as error:
        note_use(registry, error=error.message)
        raise
    note_use(registry, rate=rate)
    cache.set(key, 1, GOOD_FOR_S)


def _rate(client: RegistryClient) -> Rate | None:
    with suppress(RegistryError):
        found = client.ask_rate(*RATE_PREVIEW)
        return found if found is not None and found.limit else None
    return None


def _key(registry: Registry, path: str) -> str:
    """Another account, password or place is another check."""
    facts = f"{registry.scheme} {registry.host} {registry.username} {registry.password} {path}"
    return f"push-check:{registry.pk}:{hashlib.sha256(facts.encode()).hexdigest()[:32]}"
