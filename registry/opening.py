"""How everything above opens a registry that is a row: one place that knows which account speaks to it."""

from __future__ import annotations

import time
from collections.abc import Callable

from registry.client import RegistryClient
from registry.core.challenge import Token
from registry.core.grants import Access
from registry.core.patience import Patience
from registry.core.scopes import parse_scopes
from registry.models import Registry
from registry.tokens import Leaf, sign_bearer, signing_leaf

# Who Imageyard itself is at its own registry, in tokens and events.
OWN_NAME = "imageyard"
_OWN_MARGIN_S = 60


def open_client(
    registry: Registry,
    *,
    patience: Patience | None = None,
    wait: Callable[[float], None] = time.sleep,
    leaf: Leaf | None = None,
) -> RegistryClient:
    """A client (a context manager) that logs in as the registry's own account.

    `wait` sleeps between tries; what it raises ends them. `patience` of None is the client's own, about a minute.
    `leaf` signs the tokens of the own registry in place of the one that signs now.
    """
    if registry.is_own:
        return _own_client(registry, patience or Patience(), wait, leaf or signing_leaf())
    return RegistryClient(
        registry.host,
        registry.scheme,
        registry.username,
        registry.password,
        patience=patience or Patience(),
        wait=wait,
    )

def _own_client(
    registry: Registry, patience: Patience, wait: Callable[[float], None], leaf: Leaf
) -> RegistryClient:
    """A client of our own registry: it signs its tokens itself, so that it needs no account and nobody at the door.

    The key is read before it is needed, for the client may be used in threads that have no database.
    """
    def sign(scope: str) -> Token:
        wanted = parse_scopes([scope])
        access = [Access(one.type, one.name, tuple(sorted(one.actions))) for one in wanted]
        bearer = sign_bearer(OWN_NAME, access, leaf=leaf)
        return Token(bearer.text, bearer.expires_in - _OWN_MARGIN_S)

    return RegistryClient(registry.host, registry.scheme, OWN_NAME, patience=patience, wait=wait, sign=sign)
