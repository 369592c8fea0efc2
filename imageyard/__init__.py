"""The Django project: environment, settings, addresses, and the supervisor."""

from __future__ import annotations

from imageyard.celery import app as celery_app

__all__ = ["celery_app"]
