"""The process that writes what a site shows. One line of JSON in, `[module, scene, {arguments}]`, and one out.

Its end is that of its standard input. A scene is a function of a module beside this one.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import django

PASSWORD = "correct horse battery"


def main() -> None:
    django.setup()
    for line in sys.stdin:
        module, scene, arguments = json.loads(line)
        sys.stdout.write(json.dumps(getattr(import_module(module), scene)(**arguments)) + "\n")
        sys.stdout.flush()


def tables() -> dict[str, Any]:
    """The database, with nothing in it."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    _copy(_database(), _kept("empty"))
    return {}


def begin(of: str) -> dict[str, str]:
    """What `people` of the module `of` writes, and nothing of what was before; a session by each person's name.

    People are written once and copied from then on: into the database that the web process has open, for a start of
    both processes takes longer than most files of tests.
    """
    from django.conf import settings

    from builds.logs.stream import connect

    writers = import_module("tests.browser.build_scenes").WRITERS
    while writers:
        writers.popitem()[1].close()
    connect(settings.REDIS_URL).flushdb()
    shutil.rmtree(settings.HOME / "logs", ignore_errors=True)
    kept = _kept(of)
    if not kept.exists():
        _copy(_kept("empty"), _database())
        import_module(of).people()
        _log_everybody_in()
        assert not (settings.HOME / "logs").exists(), "a copy of the database is without these logs"
        _copy(_database(), kept)
    _copy(kept, _database())
    return _sessions()


def _database() -> Path:
    from django.conf import settings

    return Path(settings.DATABASES["default"]["NAME"])


def _kept(name: str) -> Path:
    from django.conf import settings

    folder = Path(settings.HOME) / "kept"
    folder.mkdir(exist_ok=True)
    return folder / f"{name}.sqlite3"


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target, timeout=20)) as written:
        read.backup(written)


def _log_everybody_in() -> None:
    """A password for each, and a session, so that a test need not come by the form."""
    from django.contrib.auth.hashers import make_password
    from django.test import Client

    from accounts.models import User

    User.objects.update(password=make_password(PASSWORD))
    for user in User.objects.all():
        Client().force_login(user)


def _sessions() -> dict[str, str]:
    from django.contrib.sessions.models import Session

    from accounts.models import User

    names = {str(user.pk): user.username for user in User.objects.all()}
    return {names[row.get_decoded()["_auth_user_id"]]: row.session_key for row in Session.objects.all()}
