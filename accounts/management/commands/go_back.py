"""Take the database back to what an older version knows, before that version is started again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from lib.folded import Unfolded


class Command(BaseCommand):
    help = "Take back all migrations after these, also such as were folded into one, which `migrate` does not find."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "migrations", nargs="+", metavar="app.migration", help="the last migration of an app in the older version"
        )

    def handle(self, *_args: Any, migrations: list[str], **_options: Any) -> None:
        executor = MigrationExecutor(connection)
        executor.loader = Unfolded(connection)
        targets = [self._known(executor.loader, named) for named in migrations]
        plan = executor.migration_plan(targets)
        executor.migrate(targets, plan)
        for key in executor.loader.replacements:  # the older version may not know them; `migrate` writes them again
            executor.recorder.record_unapplied(*key)
        for migration, _ in plan:
            self.stdout.write(f"Taken back: {migration}")
        self.stdout.write(f"{len(plan)} migrations were taken back. The next version to start is the older one.")

    def _known(self, loader: MigrationLoader, named: str) -> tuple[str, str]:
        app, _, name = named.partition(".")
        key = (app, name)
        if key in loader.replacements:
            key = loader.replacements[key].replaces[-1]
        if key not in loader.graph.nodes or key not in loader.applied_migrations:
            raise CommandError(f"The database has had no migration {named}. Nothing was taken back.")
        return key
