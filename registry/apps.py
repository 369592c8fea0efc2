from __future__ import annotations

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    default_auto_field = "django.db.models.BigAutoField"
    name = "registry"

    def ready(self) -> None:
        # Task names must resolve in every process that rings the doorbell.
        from registry import tasks  # noqa: F401
