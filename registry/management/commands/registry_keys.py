"""The keys of the own registry: write what it must know of them, begin new ones, see whether it believes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from registry.actions.new_root import try_new_root
from registry.tokens import begin_root, write_bundle

FILE = "registry-roots.pem"


class Command(BaseCommand):
    help = "Write the file by which the own registry knows Imageyard's tokens (its `rootcertbundle`)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--bundle", type=Path, default=Path(settings.HOME) / FILE, help="the file to write")
        parser.add_argument("--new-root", action="store_true", help="begin a new root: where the old one may be known")
        parser.add_argument("--check", action="store_true", help="ask the registry whether it believes a new root")

    def handle(self, *_args: Any, bundle: Path, new_root: bool, check: bool, **_options: Any) -> None:
        if settings.REGISTRY_AUTH != "token":
            raise CommandError("The registry is not Imageyard's own: IMAGEYARD_REGISTRY_AUTH is not `token`.")
        if check:
            self.stdout.write(try_new_root())
            return
        if new_root:
            self.stdout.write(f"There is a new {begin_root()}. The old one signs until the registry believes it.")
        if write_bundle(bundle):
            self.stdout.write(f"Wrote {bundle}. The registry reads it when it starts.")
