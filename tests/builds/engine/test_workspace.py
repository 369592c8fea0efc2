from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from builds.engine.workspace import private_directory, sweep_private, sweep_workspaces, workspace, write_private

ROOT = str(Path(__file__).parents[3])


def test_a_workspace_is_private_and_goes_away_whatever_happens(tmp_path):
    with pytest.raises(RuntimeError), workspace(tmp_path, "1-1") as place:
        assert place.root.stat().st_mode & 0o777 == 0o700
        (place.work / "file").touch()
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_workspace_starts_empty_after_a_dead_worker(tmp_path):
    (tmp_path / "1-1/tree").mkdir(parents=True)
    with workspace(tmp_path, "1-1") as place:
        assert not place.tree.exists()


def test_it_removes_links_and_not_what_they_lead_to(tmp_path):
    (tmp_path / "keep").mkdir()
    with workspace(tmp_path / "w", "1") as place:
        place.tree.symlink_to(tmp_path / "keep")
    assert (tmp_path / "keep").exists()


def test_it_sweeps_what_is_not_running(tmp_path):
    for name in ("1-1", "2-1"):
        (tmp_path / name).mkdir()
    assert sweep_workspaces(tmp_path, frozenset({"2-1"})) == ["1-1"]
    assert sweep_workspaces(tmp_path / "none", frozenset()) == []


def test_a_secret_is_readable_for_us_alone_and_removed():
    with private_directory() as place:
        path = write_private(place / "id", "secret")
        assert (place.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)
    assert not place.exists()


def test_q02_secrets_of_a_killed_worker_are_swept():
    source = (
        f"import sys, os; sys.path.insert(0, {ROOT!r})\n"
        "from builds.engine.workspace import private_directory\n"
        "with private_directory() as place: print(place, flush=True); os.kill(os.getpid(), 9)\n"
    )
    left = Path(
        subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False).stdout.strip()
    )
    assert left.is_dir()
    with private_directory() as mine:
        assert not left.exists()
        sweep_private()
        assert mine.exists()
    assert str(os.getpid()) in mine.name
