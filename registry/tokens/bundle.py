"""The file by which a registry knows Imageyard's tokens (Distribution: `auth.token.rootcertbundle`)."""

from __future__ import annotations

import os
from pathlib import Path

from django.utils import timezone

from registry.models import SigningKey
from registry.tokens.rotation import ensure_root


def bundle_pem() -> str:
    """The certificates of all roots that have not ended, oldest first; the first root is made where there is none."""
    ensure_root()
    roots = SigningKey.objects.filter(kind=SigningKey.Kind.ROOT, not_after__gt=timezone.now()).order_by("number")
    return "".join(root.certificate for root in roots)


def write_bundle(path: Path) -> bool:
    """Write the file, whole or not at all; False where it says all that already.

    Certificates are no secret: everybody may read it, for the registry may run as another user.
    """
    text = bundle_pem()
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.write_text(text, encoding="utf-8")
    draft.chmod(0o644)
    draft.replace(path)
    return True
