"""Folders of dead runs go, those of running ones stay."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.files.storage import FileSystemStorage

from builds.actions.claim import claim_next
from builds.actions.repositories import remove_repository
from builds.logs.archive import archive_log
from builds.logs.frames import Frame, compress
from builds.models.log import DatabaseFrames
from builds.pipeline.leftovers import remove_leftovers, remove_mirrors
from builds.pipeline.logbook import forget_deleted
from tests.factories import make_admin, make_build, make_repository, make_rule, make_source

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


def test_it_removes_the_mirror_of_a_source_that_was_removed(settings, tmp_path: Path):
    """11. Nothing of a repository stays readable on a worker once the repository is deleted."""
    settings.MIRRORS_DIR = tmp_path
    source, gone = make_source(), "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
    kept = [tmp_path / f"{source.pk}.git", tmp_path / f"{source.pk}.git.submodules", tmp_path / "other.git"]
    for folder in (*kept, tmp_path / f"{gone}.git", tmp_path / f"{gone}.git.submodules"):
        (folder / "objects").mkdir(parents=True)
    (tmp_path / f"{gone}.git.lock").touch()
    (tmp_path / "0f9619ff-8b86-4d01-b42d-00cf4fc964ff.git.pulls").mkdir()  # only pull requests were built here
    assert remove_mirrors() == 2
    assert sorted(tmp_path.iterdir()) == sorted(kept)
    assert remove_mirrors() == 0


@pytest.mark.django_db(transaction=True)
def test_the_logs_of_a_deleted_repository_go_with_it(monkeypatch, tmp_path: Path):
    from lib import queue

    storage = FileSystemStorage(tmp_path)
    monkeypatch.setattr("builds.logs.archive.storages", {"logs": storage})
    monkeypatch.setattr(queue, "_send", lambda name, args, *_: forget_deleted(args) if "forget" in name else None)
    kept, build = (make_build(make_rule(make_source(make_repository(path)))) for path in ("acme/kept", "acme/gone"))
    for one in (kept, build):
        DatabaseFrames(fenced=False).insert(one.pk, 1, [Frame(0, 0, 0, 1, 0, 6, compress(b"hello\n"))])
        archive_log(one.pk, 1, store=DatabaseFrames(), storage=storage)
    remove_repository(make_admin(), build.repository)
    assert [path.parent.parent.name for path in tmp_path.rglob("*.zst")] == [str(kept.pk)]
