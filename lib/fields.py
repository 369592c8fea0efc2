"""A model field whose value is encrypted in the database and clear in Python. Never index or filter by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

from lib.crypto import decrypt, encrypt

if TYPE_CHECKING:
    _Text = models.TextField[str, str]
else:
    _Text = models.TextField  # takes type arguments only where django-stubs is looking


class EncryptedTextField(_Text):
    """Text encrypted with `lib.crypto` on its way to the database; the empty text stays empty."""

    def get_prep_value(self, value: Any) -> Any:
        text = super().get_prep_value(value)
        return encrypt(text) if isinstance(text, str) else text

    def from_db_value(self, value: str | None, *_: object) -> str | None:
        return value if value is None else decrypt(value)
