from __future__ import annotations

from django.apps import AppConfig


class BuildsConfig(AppConfig):
    default_auto_field = "django.db.models.BigAutoField"
    name = "builds"

    def ready(self) -> None:
        # Task names must resolve in every process that rings the doorbell.
        from builds import tasks  # noqa: F401
