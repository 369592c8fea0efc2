"""Make the administrator of a fresh installation, once; later calls change nothing and say nothing new."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction

from accounts.models import Membership, Namespace, Role, User
from accounts.tokens import create_token
from lib.crypto import new_secret


class Command(BaseCommand):
    help = "Make the administrator `admin` with a password and an API token, unless they are there."

    def handle(self, *_args: Any, **_options: Any) -> None:
        password = secrets.token_urlsafe(12)
        with transaction.atomic():
            admin, made = User.objects.get_or_create(
                username="admin", defaults={"is_superuser": True, "is_staff": True}
            )
            if made:
                admin.set_password(password)
                admin.save()
                space, _ = Namespace.objects.get_or_create(name="admin", defaults={"kind": Namespace.Kind.USER})
                Membership.objects.get_or_create(namespace=space, user=admin, defaults={"role": Role.OWNER})
            create_token(admin, "administrator", token=_token_text(Path(settings.HOME) / "admin-token"))
        if made:
            self.stdout.write(f"Log in at {settings.PUBLIC_URL} as `admin` with the password {password}")
            self.stdout.write("It is shown this once. Change it there; `manage.py changepassword admin` makes another.")


def _token_text(path: Path) -> str:
    """The administrator's token: what the operator chose, or what was made at the first start. Kept with mode 0600."""
    chosen = settings.ADMIN_TOKEN
    kept = path.read_text().strip() if path.exists() else ""
    text = chosen or kept or f"iy_{new_secret()}"
    if text != kept:
        draft = path.with_suffix(".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(f"{text}\n")
        draft.replace(path)
    return text
