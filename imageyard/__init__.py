"""The Django project: environment, settings, addresses, and the supervisor."""

from __future__ import annotations

import atexit
import gc

# Everything that a start loads stays: looking for garbage in it over and over was a sixth of every start.
# Web and workers look more often once they have loaded everything.
gc.set_threshold(100_000, 20, 50)
# Nor is it looked for at the end, when all goes with the process: that was a quarter of every command.
atexit.register(gc.freeze)

from imageyard.celery import app as celery_app  # noqa: E402 — not before the line above

__all__ = ["celery_app"]
