"""A secret between the POST that made it and the page that shows it once: kept in the session, encrypted, then gone."""

from __future__ import annotations

from django.http import HttpRequest

from lib.crypto import UndecryptableError, decrypt, encrypt


def keep(request: HttpRequest, name: str, secret: str) -> None:
    """Keep `secret` for the next page that takes `name`."""
    request.session[f"shown-once:{name}"] = encrypt(secret)


def take(request: HttpRequest, name: str) -> str:
    """The secret that was kept under `name`, which is forgotten with this; "" where there is none."""
    token = request.session.pop(f"shown-once:{name}", "")
    try:
        return decrypt(token)
    except UndecryptableError:  # the keys were changed in between: the person makes another one
        return ""
