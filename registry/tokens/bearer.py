"""Bearer tokens for the own registry, as CNCF Distribution reads them (its "Token Authentication Implementation").

A token says who it is and what may be done where; a leaf signs it (ES256), and the leaf's certificate travels in its
header (`x5c`), so that the registry needs nothing but the roots.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import jwt
from django.conf import settings
from django.utils import timezone

from registry.core.grants import Access
from registry.tokens.rotation import Leaf, signing_leaf

ISSUER = "imageyard"
LIFETIME_S = 300
# A registry grants a minute of its own; a second minute is for clocks that run apart, as they do.
_BACKDATED = timedelta(seconds=60)


@dataclass(frozen=True)
class Bearer:
    """A token and what its receiver is told of it."""

    text: str = field(repr=False)
    issued_at: datetime
    expires_in: int


def sign_bearer(
    subject: str,
    access: Iterable[Access],
    *,
    life_s: int = LIFETIME_S,
    now: datetime | None = None,
    leaf: Leaf | None = None,
) -> Bearer:
    """A token with this access, signed by `leaf` or the one that signs now.

    `subject` is a name as events tell it, "" for nobody.
    """
    now = now or timezone.now()
    leaf = leaf or signing_leaf()
    claims = {
        "iss": ISSUER,
        "sub": subject,
        "aud": settings.REGISTRY_HOST,
        "iat": int(now.timestamp()),
        "nbf": int((now - _BACKDATED).timestamp()),
        "exp": int(now.timestamp()) + life_s,
        "jti": uuid.uuid4().hex,
        "access": [{"type": one.type, "name": one.name, "actions": list(one.actions)} for one in access],
    }
    header = {"x5c": [base64.b64encode(leaf.certificate).decode()]}
    return Bearer(jwt.encode(claims, leaf.private_key, algorithm="ES256", headers=header), now, life_s)
