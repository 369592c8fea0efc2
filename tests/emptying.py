"""Empties the database behind a test that commits: a statement for each table that has rows, and no more than that.

Django's own way is a TRUNCATE of every table, each of which PostgreSQL gives new files for, and then the signal after a
migration, which makes some three hundred content types and permissions anew. They are left alone here instead: no test
changes them, and rows that every process keeps in memory had better keep their numbers.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connections, transaction


def empty(alias: str) -> None:
    """Delete all rows but those that a migration of an empty database leaves behind. Foreign keys are checked last."""
    connection = connections[alias]
    kept = {model._meta.db_table for model in (ContentType, Permission)}
    names = sorted(set(connection.introspection.django_table_names()) - kept)
    tables = {name: connection.ops.quote_name(name) for name in names}
    with transaction.atomic(using=alias), connection.cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join(
                f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {table})" for name, table in tables.items()
            )
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f"DELETE FROM {tables[name]}")


def teardown(self: Any) -> None:
    """What stands in the place of `TransactionTestCase._fixture_teardown`."""
    for alias in self._databases_names(include_mirrors=False):
        empty(alias)
