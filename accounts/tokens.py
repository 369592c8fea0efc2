"""API tokens: making one, ending one, and finding the user behind one. What a user may do stands in accounts.access."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import ApiToken, User
from lib.crypto import hash_token

PREFIX = "iy_"
# Writing "last used" at every request would make each read of the API a write.
LAST_USED_STEP = timedelta(minutes=1)


def create_token(user: User, name: str, *, expires_at: datetime | None = None, token: str = "") -> tuple[ApiToken, str]:
    """A new token of `user`, and its text, which is not kept and cannot be shown again.

    `token` lets the operator choose the text (IMAGEYARD_ADMIN_TOKEN); doing it twice with one text is harmless.
    """
    text = token or PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        row, made = ApiToken.objects.get_or_create(
            sha256=hash_token(text),
            defaults={"user": user, "name": name, "prefix": text[:8], "expires_at": expires_at},
        )
        if made:
            audit.record(user, "token.create", row)
    return row, text


def authenticate_token(text: str) -> User | None:
    """The user whom `text` stands for, or None where it is unknown, expired or revoked, or the user may not log in."""
    now = timezone.now()
    row = ApiToken.objects.usable(now).select_related("user").filter(sha256=hash_token(text)).first() if text else None
    if row is None:
        return None
    if row.last_used_at is None or now - row.last_used_at > LAST_USED_STEP:
        ApiToken.objects.filter(pk=row.pk).update(last_used_at=now)
    return row.user


def revoke_token(actor: User, token: ApiToken) -> None:
    """End a token for good; again is harmless."""
    with transaction.atomic():
        if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
            audit.record(actor, "token.revoke", token)
