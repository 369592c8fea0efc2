"""The published shape of `.imageyard.yml` is there for editors to fetch."""

from __future__ import annotations

import json
from pathlib import Path

from django.contrib.staticfiles import finders

from builds.core.rulesfile_write import SCHEMA_PATH


def test_the_schema_is_among_the_static_files():
    found = finders.find(SCHEMA_PATH)
    assert found
    assert json.loads(Path(found).read_text(encoding="utf-8"))["title"].startswith("Imageyard")
