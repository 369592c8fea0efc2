"""`registry_notifications`: what the own registry has to be told, for whoever configures it by themselves."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from registry.core.notification_config import endpoints, events_secret


class Command(BaseCommand):
    help = "Print notifications.endpoints for the configuration of Imageyard's own registry. It holds a secret."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--url", default=settings.PUBLIC_URL, help="Where the registry reaches web; if not given, as people do."
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """One line of JSON, which is YAML too: REGISTRY_NOTIFICATIONS_ENDPOINTS takes it as it is."""
        self.stdout.write(json.dumps(endpoints(options["url"], events_secret(settings.SECRET_KEY))))
