"""Folders of dead runs go, those of running ones stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from builds.actions.claim import claim_next
from builds.pipeline.leftovers import remove_leftovers
from tests.factories import make_build

pytestmark = pytest.mark.django_db


def test_q02_it_removes_the_folder_of_a_dead_run_and_keeps_a_living_ones(settings, tmp_path: Path):
    settings.WORK_DIR = tmp_path
    make_build()
    run = claim_next("worker-1")
    alive, dead, old = (tmp_path / name for name in (f"{run.build_id}.{run.attempt}", "999.1", f"{run.build_id}.0"))
    for folder in (alive, dead, old):
        (folder / "tree").mkdir(parents=True)
    assert remove_leftovers() == 2
    assert sorted(tmp_path.iterdir()) == [alive]
    assert remove_leftovers() == 0
