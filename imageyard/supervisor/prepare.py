"""The step before web, worker and beat: migrations, then the administrator; one process, so that Django loads once."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path


def main(login_file: Path, bundle: Path | None = None) -> None:
    """Bring the database up to date; what the administrator has to read once goes into the file (mode 0600).

    `bundle` is written where the registry is Imageyard's own: by it the registry knows the tokens that are signed here.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imageyard.settings")
    import django  # the settings are read when Django is set up

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=1)
    if bundle is not None and settings.REGISTRY_AUTH == "token":
        call_command("registry_keys", bundle=bundle)
    from registry.actions.comparisons import compare_at_start

    compare_at_start()
    said = io.StringIO()
    call_command("ensure_admin", stdout=said)
    descriptor = os.open(login_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(said.getvalue())


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
