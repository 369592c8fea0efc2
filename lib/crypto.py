"""Secrets: encryption at rest with key rotation, signatures in constant time, and new random secrets. No storage."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class UndecryptableError(Exception):
    """The stored value was encrypted with a key that is no longer among IMAGEYARD_ENCRYPTION_KEYS."""


@lru_cache(maxsize=4)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key.encode()) for key in keys])


def encrypt(text: str) -> str:
    """Encrypt with the newest key. The empty text stays empty, so that "no secret" can be queried."""
    return _box(tuple(settings.ENCRYPTION_KEYS)).encrypt(text.encode()).decode() if text else ""


def decrypt(token: str) -> str:
    """The text behind `token`; any of the configured keys will do. Raises UndecryptableError."""
    if not token:
        return ""
    try:
        return _box(tuple(settings.ENCRYPTION_KEYS)).decrypt(token.encode()).decode()
    except InvalidToken as error:
        message = "A stored secret cannot be decrypted: its key is missing from IMAGEYARD_ENCRYPTION_KEYS."
        raise UndecryptableError(message) from error


def new_secret(length_bytes: int = 32) -> str:
    """A new random secret, hexadecimal, `2 × length_bytes` characters."""
    return secrets.token_hex(length_bytes)


def hash_token(token: str) -> str:
    """What is stored of an API token. The tokens are random with 256 bits, so a plain SHA-256 cannot be guessed."""
    return hashlib.sha256(token.encode()).hexdigest()


def sign_sha256(secret: bytes, body: bytes) -> str:
    """HMAC-SHA256 of the raw `body`, 64 lower-case hexadecimal characters."""
    return hmac.new(secret, body, hashlib.sha256).hexdigest()


def is_equal(a: str | bytes, b: str | bytes) -> bool:
    """Compare in constant time; texts are compared as UTF-8, so that odd characters cannot raise."""
    a_bytes = a.encode("utf-8", "surrogatepass") if isinstance(a, str) else a
    b_bytes = b.encode("utf-8", "surrogatepass") if isinstance(b, str) else b
    return hmac.compare_digest(a_bytes, b_bytes)
