"""Doing one thing to each chosen row, for whoever administrates, with a sentence for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import User
from lib.refusal import Refused


def for_each(
    page: admin.ModelAdmin[Any], request: HttpRequest, rows: QuerySet[Any], act: Callable[[User, Any], str]
) -> None:
    """Do one thing to each row, and say of each what came of it. Only administrators act here."""
    if not (isinstance(request.user, User) and request.user.is_superuser):
        page.message_user(request, "Only an administrator may do that here.", messages.ERROR)
        return
    for row in rows:
        try:
            page.message_user(request, act(request.user, row))
        except Refused as refused:
            page.message_user(request, refused.sentence, messages.WARNING)
