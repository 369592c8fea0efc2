"""The table for people who come from Docker Hub: every row is held by a test that exists, and every page it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TABLE = (ROOT / "docs/docker-hub.md").read_text(encoding="utf-8")
ROWS = [line for line in TABLE.splitlines() if line.startswith("| ") and "::" in line]


@pytest.mark.parametrize("row", ROWS, ids=[row.split("|")[1].strip() for row in ROWS])
def test_every_row_is_held_by_a_test_that_exists(row: str):
    file, name = re.search(r"`([\w/.]+)::(\w+)`", row).groups()
    found = [path for path in (ROOT / "tests").rglob(file.rpartition("/")[2]) if str(path).endswith(f"/{file}")]
    assert found, f"there is no file {file}"
    assert any(re.search(rf"def {name}\(", path.read_text(encoding="utf-8")) for path in found), f"{file} has no {name}"


def test_every_page_that_it_links_exists():
    for page in re.findall(r"\]\(([\w-]+\.md)\)", TABLE):
        assert (ROOT / "docs" / page).is_file(), page


def test_it_has_a_row_for_every_feature():
    assert len(ROWS) >= 40
