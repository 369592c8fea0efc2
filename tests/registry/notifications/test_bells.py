"""A bell that web rings has a name there: one without would be a 500, and the registry would repeat it for ever."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
CHECKOUT = Path(__file__).resolve().parents[3]


def test_every_bell_of_this_room_is_known_in_a_process_that_only_serves(tmp_path):
    code = (
        "import django; django.setup()\n"
        "from celery import current_app\n"
        "from django.conf import settings\n"
        "wanted = {'registry.look_at_told', 'registry.read_facts', 'registry.compare_tags', 'builds.read_tag_news'}\n"
        "wanted |= {entry['task'] for entry in settings.CELERY_BEAT_SCHEDULE.values()}\n"
        "import imageyard.celery\n"
        "assert not wanted - set(current_app.tasks), wanted - set(current_app.tasks)\n"
    )
    environ = {**os.environ, "DJANGO_SETTINGS_MODULE": "imageyard.settings", "IMAGEYARD_HOME": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, env=environ, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
