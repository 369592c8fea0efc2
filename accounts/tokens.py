"""API tokens: making one, ending one, and finding the user behind one. What a user may do stands in accounts.access."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import ApiToken, User
from lib.crypto import hash_token

PREFIX = "iy_"
# Writing "last used" at every request would make each read of the API a write.
LAST_USED_STEP = timedelta(minutes=1)


def create_token(
    user: User,
    name: str,
    *,
    scope: str = ApiToken.Scope.FULL,
    repositories: Sequence[str] = (),
    expires_at: datetime | None = None,
    token: str = "",
    actor: User | None = None,
) -> tuple[ApiToken, str]:
    """A new token of `user`, and its text, which is not kept and cannot be shown again.

    `actor` made it where that is not the user. `repositories` limits a token for the registry to these paths.

    `token` lets the operator choose the text (IMAGEYARD_ADMIN_TOKEN); doing it twice with one text is harmless.
    """
    text = token or PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        row, made = ApiToken.objects.get_or_create(
            sha256=hash_token(text),
            defaults={
                "user": user,
                "name": name,
                "scope": scope,
                "repositories": list(repositories),
                "prefix": text[:8],
                "expires_at": expires_at,
            },
        )
        if made:
            audit.record(actor or user, "token.create", row, f"of {user}, scope {scope}")
    return row, text


def find_token(text: str) -> ApiToken | None:
    """The token with this text, with its user; None where it is unknown, expired or revoked, or its user is disabled.

    It says nothing of what the token is good for: see `authenticate_token` for the API, and `registry_actions` and
    `ApiToken.covers` for the registry. Writes down that it was used, at most once a minute.
    """
    now = timezone.now()
    row = ApiToken.objects.usable(now).select_related("user").filter(sha256=hash_token(text)).first() if text else None
    if row is not None and (row.last_used_at is None or now - row.last_used_at > LAST_USED_STEP):
        ApiToken.objects.filter(pk=row.pk).update(last_used_at=now)
    return row


def authenticate_token(text: str) -> User | None:
    """The user whom `text` stands for at the API and the WebSockets, as in `find_token`.

    None also for a token for the registry alone; `api_refusal` has the sentence for it.
    """
    row = find_token(text)
    return row.user if row is not None and row.scope == ApiToken.Scope.FULL else None


def api_refusal(scope: str) -> str:
    """Why the API does not take a token of `scope`; "" where it does."""
    if scope == ApiToken.Scope.FULL:
        return ""
    does = "pulls" if scope == ApiToken.Scope.PULL else "pulls and pushes"
    return f"This token {does} at the registry and does nothing else. For the API make one with the scope “full”."


def registry_actions(scope: str) -> frozenset[str]:
    """The actions (of the Distribution token specification) that a token of `scope` can give at the registry.

    They are a ceiling: its user's role in the namespace decides, and `ApiToken.covers` for which repositories.
    """
    if scope == ApiToken.Scope.PULL:
        return frozenset({"pull"})
    if scope == ApiToken.Scope.PUSH:
        return frozenset({"pull", "push"})
    return frozenset({"pull", "push", "delete"}) if scope == ApiToken.Scope.FULL else frozenset()


def revoke_token(actor: User, token: ApiToken) -> None:
    """End a token for good; again is harmless."""
    with transaction.atomic():
        if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
            audit.record(actor, "token.revoke", token)
