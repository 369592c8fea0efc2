"""An app's first migration replaces those that came before it: to the same end, and the way back and up stays open."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from django.db.migrations import AddField, CreateModel
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader

from lib.folded import FoldedMigration, Unfolded

CHECKOUT = Path(__file__).resolve().parents[2]
APPS = {"accounts", "registry", "builds", "webhooks"}
BACK_AND_UP = """
import django
django.setup()
from django.core.management import CommandError, call_command
from django.db import connection
call_command("migrate", verbosity=0)
connection.cursor().execute("VACUUM INTO 'before.sqlite3'")
try:
    call_command("go_back", "registry.0014_moves_by_digest", "builds.0099_of_tomorrow")
except CommandError as error:
    print(error)
call_command("go_back", "registry.0014_moves_by_digest", "builds.0001_squashed_0021_gone_refs")
call_command("migrate")
"""


def test_folded_migrations_lead_where_all_of_them_led():
    folded, unfolded = MigrationLoader(None), Unfolded(None)
    assert {app for app, _ in folded.replacements} == APPS
    assert len(unfolded.graph.nodes) - len(folded.graph.nodes) == 48 - 4
    changes = MigrationAutodetector(unfolded.project_state(), folded.project_state()).changes(graph=folded.graph)
    assert changes == {}


def test_a_folded_migration_only_makes_tables():
    """It is applied with the models as they are at its end, which would not do for a change to a table."""
    for migration in MigrationLoader(None).replacements.values():
        assert isinstance(migration, FoldedMigration)
        others = [operation for operation in migration.operations if not isinstance(operation, CreateModel)]
        assert all(isinstance(operation, AddField) and operation.field.many_to_many for operation in others)


@pytest.mark.slow
def test_the_way_back_leads_through_what_was_folded_and_up_again(tmp_path):
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("IMAGEYARD_", "DATABASE_"))}
    environ |= {"IMAGEYARD_HOME": ".", "DJANGO_SETTINGS_MODULE": "imageyard.settings", "PYTHONPATH": str(CHECKOUT)}
    argv = [sys.executable, "-c", BACK_AND_UP]
    ran = subprocess.run(argv, cwd=tmp_path, env=environ, check=True, capture_output=True, text=True)
    refused, *said = ran.stdout.splitlines()
    assert refused == "The database has had no migration builds.0099_of_tomorrow. Nothing was taken back."
    back = ["registry.0016_collections_that_remove", "registry.0015_found_moves"]
    assert [line.partition("Taken back: ")[2] for line in said if line.startswith("Taken back")] == back
    assert [line.split()[1].rstrip(".") for line in said if line.startswith("  Applying")] == back[::-1]
    assert schema(tmp_path / "imageyard.sqlite3") == schema(tmp_path / "before.sqlite3")


def schema(file: Path) -> dict[str, list[str]]:
    """Every table and index as SQLite was told of it; the order of columns and constraints is of no matter."""
    with sqlite3.connect(file) as database:
        rows = database.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    assert len(rows) > 200
    return {name: sorted(sql.partition("(")[2][:-1].split(", ")) for name, sql in rows}
