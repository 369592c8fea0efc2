"""Seconds between two columns, counted by the database: a page of many builds then reads one number for each."""

from __future__ import annotations

from typing import Any

from django.db.models import FloatField, Func


class Seconds(Func):
    """`Seconds(end, begin)`: a float, null where either is; exact to a tenth of a millisecond."""

    arity = 2
    output_field = FloatField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:
        """SQLite keeps times as text; its days are counted as numbers with a fraction."""
        template, between = "(JULIANDAY(%(expressions)s)) * 86400.0", ") - JULIANDAY("
        return self.as_sql(compiler, connection, template=template, arg_joiner=between, **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:
        """An interval, of which the seconds are taken."""
        template, between = "EXTRACT(EPOCH FROM (%(expressions)s))::float8", " - "
        return self.as_sql(compiler, connection, template=template, arg_joiner=between, **context)
