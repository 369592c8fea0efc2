"""How everything above opens a registry that is a row: one place that knows which account speaks to it."""

from __future__ import annotations

import time
from collections.abc import Callable

from registry.client import RegistryClient
from registry.core.patience import Patience
from registry.models import Registry


def open_client(
    registry: Registry, *, patience: Patience | None = None, wait: Callable[[float], None] = time.sleep
) -> RegistryClient:
    """A client (a context manager) that logs in as the registry's own account.

    `wait` sleeps between tries; what it raises ends them. `patience` of None is the client's own, about a minute.
    """
    return RegistryClient(
        registry.host,
        registry.scheme,
        registry.username,
        registry.password,
        patience=patience or Patience(),
        wait=wait,
    )
