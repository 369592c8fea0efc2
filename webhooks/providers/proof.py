"""Whether a request was made by whoever has the secret: what the forges' ways of proving it have in common.

Every comparison takes the same time wherever two texts differ. The sentences are for the ledger, never for the sender.
"""

from __future__ import annotations

import hashlib
import hmac

from webhooks.providers import payload
from webhooks.providers.base import Headers

_ID_LENGTH = 128
_HEX_DIGITS = 64
# Forgejo, Gitea and Gogs send each other's headers, and GitHub's beside them: the most particular one comes first.
_TELLTALE = (
    ("x-gitlab-event", "gitlab", "GitLab"),
    ("x-forgejo-event", "gitea", "Forgejo"),
    ("x-gitea-event", "gitea", "Gitea"),
    ("x-gogs-event", "gitea", "Gogs"),
    ("x-event-key", "bitbucket", "Bitbucket"),
    ("x-github-event", "github", "GitHub"),
    ("x-imageyard-event", "generic", "another Git server"),
)


def no_secret(forge: str) -> str:
    """The sentence for a source that has no secret: then nobody can prove anything."""
    return f"This source has no webhook secret, so no request can be proved to be {forge}'s. Make one in the settings."


def another_forge(headers: Headers, forge: str) -> str:
    """Half a sentence where the headers are those of another forge than the source is on; "" where they are not."""
    for header, key, name in _TELLTALE:
        if header in headers:
            if key == forge:
                return ""
            return f" By its headers it comes from {name}: if the repository is there, choose that in the settings."
    return ""


def hmac_sha256(secret: str, body: bytes) -> str:
    """HMAC-SHA256 of the raw body, 64 lower-case hexadecimal digits."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def is_same(given: str, right: str) -> bool:
    """Whether both are the same text, in constant time; whatever characters a stranger sends."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), right.encode("utf-8", "replace"))


def is_hex(digits: str) -> bool:
    """Whether this has the form of a SHA-256 in lower-case hexadecimal."""
    return len(digits) == _HEX_DIGITS and not digits.strip("0123456789abcdef")


def delivery_id(headers: Headers, *names: str) -> str:
    """The first of these headers that is not empty; one that is too long to be an id stands as its digest."""
    given = next((found for found in (headers.get(name, "").strip() for name in names) if found), "")
    if len(given) > _ID_LENGTH:
        return f"sha256:{hashlib.sha256(given.encode('utf-8', 'replace')).hexdigest()}"
    return payload.text(given, _ID_LENGTH)


def event_name(headers: Headers, *names: str) -> str:
    """The first of these headers that is not empty, cut to what the ledger stores."""
    return next((found for found in (payload.text(headers.get(name, "").strip(), 64) for name in names) if found), "")
