from __future__ import annotations

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    default_auto_field = "django.db.models.BigAutoField"
    name = "webhooks"

    def ready(self) -> None:
        # Task names must resolve in every process that rings the doorbell.
        from webhooks import tasks  # noqa: F401
