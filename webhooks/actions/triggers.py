"""Trigger tokens: making one, whose address is shown once, and ending it."""

from __future__ import annotations

import secrets

from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import User
from builds.models import Source
from lib.crypto import hash_token
from lib.refusal import Refused
from webhooks.models import TriggerToken

PREFIX = "iyt_"
MOST = 50
MOST_NAME = 100


def create_trigger(actor: User, source: Source, name: str) -> tuple[TriggerToken, str]:
    """A new token and the secret end of its address, which is not kept and cannot be shown again. Raises Refused."""
    name = " ".join(name.split())
    if not name or len(name) > MOST_NAME:
        raise Refused(f"Give the token a name of up to {MOST_NAME} characters: who or what will call it.")
    secret = PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        Source.objects.select_for_update().filter(pk=source.pk).first()
        alive = TriggerToken.objects.filter(source=source, revoked_at=None)
        if alive.count() >= MOST:
            raise Refused(f"A repository has at most {MOST} trigger tokens. Revoke one that nobody uses.")
        if alive.filter(name=name).exists():
            raise Refused(
                f"There is a token called “{name}” already. Revoke it, or take another name.", code="conflict"
            )
        token = TriggerToken.objects.create(
            source=source, name=name, sha256=hash_token(secret), prefix=secret[:8], created_by=actor
        )
        audit.record(actor, "trigger.create", source.repository, name)
    return token, secret


def revoke_trigger(actor: User, token: TriggerToken) -> None:
    """End a token for good; its calls stay. Again is harmless."""
    with transaction.atomic():
        if TriggerToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
            audit.record(actor, "trigger.revoke", token.source.repository, token.name)


def find_trigger(secret: str) -> TriggerToken | None:
    """The token behind a secret, None where it is unknown or revoked: whoever asks is not told which."""
    rows = TriggerToken.objects.select_related("source__repository__namespace")
    return rows.filter(sha256=hash_token(secret), revoked_at=None).first()
