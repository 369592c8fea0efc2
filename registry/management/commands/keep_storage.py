"""The process of the service `housekeeper`: it keeps the storage of the own registry until it is told to stop."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from registry.errands.collect import reaches_storage
from registry.errands.house import StorageKeeper


class Command(BaseCommand):
    """`manage.py keep_storage`; in `make up` the worker does the same in a thread."""

    help = "Clean up the storage of the registry when it is asked for or due, until SIGTERM."
    # They would load every page, for a process that shows none.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--alive", default="", help="A file that is touched every few seconds.")

    def handle(self, *_args: Any, **options: Any) -> None:
        if not reaches_storage():
            raise CommandError(
                f"IMAGEYARD_REGISTRY_STORAGE is “{settings.REGISTRY_STORAGE}”: the folder that the registry keeps its "
                "images in is right, and this process has to be able to write it."
            )
        alive = Path(options["alive"]) if options["alive"] else None
        keeper = StorageKeeper(f"{socket.gethostname()}-{os.getpid()}", beat=alive.touch if alive else lambda: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: keeper.close())
        keeper.keep()
