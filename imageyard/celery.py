"""The Celery app. Tasks live in the rooms; what a worker process does besides them is in builds.workshop."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imageyard.settings")
# Django's checks load every page, which took worker and beat longer than all else; the tests are what they are for.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

from celery import Celery

app = Celery("imageyard")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
