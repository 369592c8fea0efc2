"""Beat's own app: it knows the schedule and loads nothing of what the bells are heard by."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from django.conf import settings

CHECKOUT = Path(__file__).resolve().parent.parent.parent
# What Celery does with an app before it beats, and what it has loaded by then.
PROGRAM = """
import json, sys
from celery import beat
from django.apps import apps
from imageyard.beat import app
app.loader.init_worker()
app.finalize()
due = {entry.task: entry.options for entry in beat.Scheduler(app=app).schedule.values()}
print(json.dumps([due, apps.ready, [name for name in sys.modules if name.endswith(".models")]]))
"""


def test_it_rings_by_name_without_django_and_the_rooms() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], cwd=CHECKOUT, check=True, capture_output=True, text=True)
    due, django_is_set_up, models = json.loads(ran.stdout)
    wanted = {entry["task"]: entry["options"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert due.items() >= wanted.items()
    assert (django_is_set_up, models) == (False, [])
