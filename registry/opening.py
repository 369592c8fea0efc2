"""How everything above opens a registry that is a row: one place that knows which account speaks to it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.conf import settings
from django.core.cache import cache

from lib import addresses
from lib.crypto import UndecryptableError, decrypt, encrypt
from registry.client import RegistryClient
from registry.client.ecr import fetch_login
from registry.core.challenge import Token
from registry.core.grants import Access
from registry.core.kinds import Kind, api_host
from registry.core.patience import Patience
from registry.core.scopes import parse_scopes
from registry.models import PullCredential, Registry
from registry.tokens import Leaf, sign_bearer, signing_leaf

# A password of ECR lives for 12 hours; one that ends within a build's time is of no use.
_BEFORE_END_S = 2 * 3600
# Who Imageyard itself is at its own registry, in tokens and events.
OWN_NAME = "imageyard"
_OWN_MARGIN_S = 60


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a registry knows; empty `username`: nobody."""

    username: str
    password: str = field(repr=False)


def account_of(registry: Registry) -> Account:
    """The user name and password that a registry takes now. Raises RegistryError where AWS is to make one and does not.

    That of ECR is kept encrypted in Redis until two hours before its end; losing it costs one request.
    """
    if registry.kind != Kind.ECR:
        return Account(registry.username, registry.password)
    facts = f"{registry.host} {registry.username} {registry.password}"
    key = f"ecr:{registry.pk}:{hashlib.sha256(facts.encode()).hexdigest()[:32]}"
    kept = _kept(cache.get(key))
    if kept is not None:
        return kept
    made = fetch_login(registry.host, registry.username, registry.password)
    left_s = int(made.expires_at - time.time()) - _BEFORE_END_S
    if left_s > 0:
        cache.set(key, encrypt(json.dumps([made.username, made.password])), left_s)
    return Account(made.username, made.password)


def _kept(found: object) -> Account | None:
    if not isinstance(found, str):
        return None
    try:
        username, password = json.loads(decrypt(found))
    except (UndecryptableError, ValueError):
        return None
    return Account(str(username), str(password))


def guard(url: str) -> None:
    """Raise AddressRefused for a URL that leads into our own network: strangers named its host."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    addresses.resolve(parts.hostname or "", port, settings.TRUSTED_HOSTS)


def guard_of(registry: Registry) -> Callable[[str], None] | None:
    """Superusers are trusted with addresses; administrators of a namespace are not."""
    return guard if registry.namespace_id is not None else None


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
    Raises RegistryError where the account's password cannot be had.
    """
    if registry.is_own:
        return _own_client(registry, patience or Patience(), wait, leaf or signing_leaf())
    account = account_of(registry)
    return RegistryClient(
        registry.host,
        registry.scheme,
        account.username,
        account.password,
        patience=patience or Patience(),
        wait=wait,
        allow=guard_of(registry),
        address=api_host(registry.host),
    )


def open_as(
    credential: PullCredential, *, patience: Patience | None = None, wait: Callable[[float], None] = time.sleep
) -> RegistryClient:
    """A client that reads as an account for base images. What namespaces name goes through the address guard."""
    return RegistryClient(
        credential.host,
        credential.scheme,
        credential.username,
        credential.password,
        patience=patience or Patience(),
        wait=wait,
        allow=guard if credential.namespace_id is not None else None,
        address=api_host(credential.host),
    )


def _own_client(registry: Registry, patience: Patience, wait: Callable[[float], None], leaf: Leaf) -> RegistryClient:
    """A client of our own registry: it signs its tokens itself, so that it needs no account and nobody at the door.

    The key is read before it is needed, for the client may be used in threads that have no database.
    """

    def sign(scope: str) -> Token:
        wanted = parse_scopes([scope])
        access = [Access(one.type, one.name, tuple(sorted(one.actions))) for one in wanted]
        bearer = sign_bearer(OWN_NAME, access, leaf=leaf)
        return Token(bearer.text, bearer.expires_in - _OWN_MARGIN_S)

    return RegistryClient(registry.host, registry.scheme, OWN_NAME, patience=patience, wait=wait, sign=sign)
