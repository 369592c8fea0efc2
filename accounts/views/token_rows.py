"""What pages tell of tokens: their rows, which of them end soon, and the new one with how it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import ApiToken, User
from lib import shown_once
from lib.crypto import hash_token

SOON = timedelta(days=7)
# One that ended is still told of for as long: whoever looks for why something stopped finds it.
TOLD_FOR = timedelta(days=30)
SHOWN = 200


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token, and whether it has ended or ends within a week."""

    token: ApiToken
    has_ended: bool
    ends_soon: bool


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made: its text, this once, and the lines that use it ("" where it is not good for that)."""

    text: str
    login: str
    header: str


def token_rows(user: User) -> dict[str, Any]:
    """For a page's context: `rows`, newest first, and `soon`, the names of those that end within a week."""
    now = timezone.now()
    tokens = ApiToken.objects.filter(user=user, revoked_at=None).exclude(expires_at__lt=now - TOLD_FOR)
    rows = [_row(token, now) for token in tokens[:SHOWN]]
    return {"rows": rows, "soon": soonest(rows)}


def soonest(rows: Sequence[TokenRow]) -> list[str]:
    return [row.token.name for row in rows if row.ends_soon]


def _row(token: ApiToken, now: datetime) -> TokenRow:
    end = token.expires_at
    return TokenRow(token, end is not None and end <= now, end is not None and now < end <= now + SOON)


def keep_text(request: HttpRequest, user: User, text: str) -> None:
    """For the next page that shows the tokens of `user`."""
    shown_once.keep(request, f"token:{user.pk}", text)


def take_new(request: HttpRequest, user: User) -> NewToken | None:
    """The token of `user` that was made by the request before this one."""
    text = shown_once.take(request, f"token:{user.pk}")
    token = ApiToken.objects.filter(sha256=hash_token(text)).first() if text else None
    if token is None:
        return None
    login = f"docker login {settings.REGISTRY_HOST} -u {user.username}" if settings.REGISTRY_AUTH == "token" else ""
    header = f"Authorization: Bearer {text}" if token.scope == ApiToken.Scope.FULL else ""
    return NewToken(text, login, header)
