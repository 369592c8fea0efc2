"""An app's first migration that stands for all that came before it, and the migrations without those."""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState


class FoldedMigration(Migration):
    """Makes the tables of an app in an empty database, where the migrations that it replaces would change them often.

    It holds nothing but new tables, so the models can be known before the first is made. Django's own way draws up the
    models anew for every table, which took longer than the tables.
    """

    def apply(
        self, project_state: ProjectState, schema_editor: BaseDatabaseSchemaEditor, collect_sql: bool = False
    ) -> ProjectState:
        if collect_sql:
            return super().apply(project_state, schema_editor, collect_sql)
        project_state.__dict__.pop("apps", None)  # drawn up again where it is next asked for
        self.mutate_state(project_state, preserve=False)
        for operation in self.operations:
            operation.database_forwards(self.app_label, schema_editor, project_state, project_state)
        return project_state


class Unfolded(MigrationLoader):
    """The migrations as they came one by one: what an older version knows, and so where the way back to it leads."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        super().__init__(connection, replace_migrations=False)

    def build_graph(self) -> None:
        super().build_graph()
        for key, folded in self.replacements.items():
            self.graph.remove_replacement_node(key, folded.replaces)
