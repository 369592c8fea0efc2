"""Secrets that Imageyard makes for itself on its first start, each in a file below the home; no settings here."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet


class SecretFileError(Exception):
    """Half a sentence: which file could not be read or made, and why."""


def new_secret_key() -> str:
    """66 random characters, for Django's `SECRET_KEY`."""
    return secrets.token_urlsafe(49)


def new_encryption_key() -> str:
    """A Fernet key: 32 random bytes in URL-safe base64."""
    return Fernet.generate_key().decode("ascii")


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """The secret in a file of mode 0600; the first call makes it, every later one returns the same.

    Of processes that start at the same moment one makes the file and the others read that one.

    Raises:
        SecretFileError: the file cannot be read or made, or is empty.
    """
    try:
        if not path.exists():
            _make_once(path, make())
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SecretFileError(f"{path} cannot be used: {reason}.") from error
    if not secret:
        raise SecretFileError(f"{path} is empty: put the secret back, or remove the file and a new one is made.")
    return secret


def _make_once(path: Path, secret: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{secret}\n")
        os.link(draft, path)  # fails where another process was first; its secret is the one
    except FileExistsError:
        pass
    finally:
        draft.unlink()
