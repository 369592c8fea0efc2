"""A connection's way in: its token, or that of a GitHub App's installation, which is asked for and kept for an hour.

An installation's token is in Redis, encrypted, until shortly before its end; losing it costs one request.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.cache import cache

from lib.crypto import UndecryptableError, decrypt, encrypt
from webhooks.forges import Access, Forge, ForgeError, opened
from webhooks.forges.github_app import installation_token, make_jwt
from webhooks.models import ForgeConnection

_BEFORE_S = 300  # a token that ends while a long errand is under way is of no use


@contextmanager
def forge_of(connection: ForgeConnection) -> Iterator[Forge]:
    """The client for a connection. Raises ForgeError, also where its App is not let in."""
    access = Access(
        forge=connection.forge,
        api_url=connection.api_url,
        token=_token(connection),
        username=connection.username,
        owner=connection.owner,
        is_app=connection.kind == ForgeConnection.Kind.APP,
    )
    try:
        with opened(access, settings.TRUSTED_HOSTS) as client:
            yield client
    except ForgeError as error:
        if error.kind == "token" and access.is_app:
            cache.delete(_key(connection))  # revoked before its time: the next one asks for another
        raise


def _token(connection: ForgeConnection) -> str:
    if connection.kind == ForgeConnection.Kind.TOKEN:
        return connection.token
    now = time.time()
    kept = _kept(connection)
    if kept is not None and kept[1] - _BEFORE_S > now:
        return kept[0]
    jwt = make_jwt(connection.app_id, connection.private_key, now)
    made = installation_token(
        connection.api_url, jwt, connection.installation_id, now=now, trusted_hosts=settings.TRUSTED_HOSTS
    )
    left_s = int(made.expires_at - now) - _BEFORE_S
    if left_s > 0:
        cache.set(_key(connection), encrypt(json.dumps([made.token, made.expires_at])), left_s)
    return made.token


def _kept(connection: ForgeConnection) -> tuple[str, float] | None:
    found = cache.get(_key(connection))
    if not isinstance(found, str):
        return None
    try:
        token, expires_at = json.loads(decrypt(found))
    except (UndecryptableError, ValueError):
        return None
    return str(token), float(expires_at)


def _key(connection: ForgeConnection) -> str:
    """Another App, key or installation is another token."""
    facts = f"{connection.api_url} {connection.app_id} {connection.installation_id} {connection.private_key}"
    return f"forge-app:{connection.pk}:{hashlib.sha256(facts.encode()).hexdigest()[:32]}"
