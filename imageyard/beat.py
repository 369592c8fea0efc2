"""The Celery app of beat alone: it rings by name, and loads neither Django's models nor the tasks that hear it."""

from __future__ import annotations

import logging.config
import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imageyard.settings")

from celery import Celery
from celery.loaders.app import AppLoader
from django.conf import settings


class _ByName(AppLoader):
    """Celery would import every task, and with the first of them set Django up: half of what beat took at its start."""

    def import_default_modules(self) -> list[Any]:
        return []


app = Celery("imageyard", loader=_ByName, fixups=[], set_as_current=False)
app.config_from_object("django.conf:settings", namespace="CELERY")
# What Django's set-up does elsewhere.
logging.config.dictConfig(settings.LOGGING)
