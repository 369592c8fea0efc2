"""Below the limit of a disk no build is claimed, whoever asks why reads it, and room starts them again."""

from __future__ import annotations

import errno
import subprocess
from pathlib import Path

import pytest
from django.utils import timezone

from builds.actions import disks as actions
from builds.actions import lifecycle
from builds.actions.claim import claim_next
from builds.actions.runs import Run
from builds.core.disk import Disk, Holds
from builds.core.errors import BuildError, ErrorKind
from builds.core.states import State
from builds.engine import disks
from builds.models import Build, CachePrune, Worker
from builds.pipeline import room, run_until_idle
from builds.pipeline.stages import _our_fault
from builds.waits import queue
from tests.factories import make_build, make_worker

GIB = 1024**3
pytestmark = pytest.mark.django_db


def disk(free: float, *holds: Holds) -> Disk:
    return Disk(holds or (Holds.WORK,), round(free * GIB), 100 * GIB, GIB)


def test_8_below_the_limit_no_build_is_claimed_and_with_room_it_is():
    worker = make_worker()
    make_build()
    assert not actions.report_disks(worker.name, [disk(0.5)])
    assert claim_next(worker.name) is None
    assert not actions.report_disks(worker.name, [disk(1.1)]), "not before a quarter more than the limit is free"
    assert claim_next(worker.name) is None
    assert actions.report_disks(worker.name, [disk(2)])
    assert claim_next(worker.name) is not None


def test_8_what_waits_says_which_disk_of_which_host_and_what_to_do():
    worker = make_worker()
    make_build()
    actions.report_disks(worker.name, [disk(0.5, Holds.ENGINE), disk(50)])
    (entry,) = queue()
    assert entry.sentence == (
        "No build starts. The disk of builder-1 (Docker Engine) has 536.9 MB free, and builds start only with 1.3 GB. "
        "Prune the build cache, or give it a larger disk. It starts by itself when there is room."
    )


def test_another_worker_with_room_takes_what_one_without_leaves():
    low, other = make_worker(), make_worker("w2", "builder-2")
    make_build()
    actions.report_disks(low.name, [disk(0.5)])
    actions.report_disks(other.name, [disk(50)])
    assert "No build starts" not in queue()[0].sentence
    assert claim_next(low.name) is None
    assert claim_next(other.name) is not None


def test_8_a_full_disk_of_the_registry_keeps_every_worker_back():
    sees_it, other = make_worker(), make_worker("w2", "builder-2")
    actions.report_disks(sees_it.name, [disk(0.5, Holds.REGISTRY)])
    assert not actions.report_disks(other.name, [disk(50)])
    make_build()
    assert claim_next(other.name) is None
    assert "The disk of builder-1 (registry)" in Worker.objects.get(pk=other.pk).disk_fault
    actions.report_disks(sees_it.name, [disk(50, Holds.REGISTRY)])
    assert actions.report_disks(other.name, [disk(50)])


def test_the_registrys_disk_as_a_worker_that_is_gone_saw_it_keeps_nobody_back():
    gone, other = make_worker(), make_worker("w2", "builder-2")
    actions.report_disks(gone.name, [disk(0.5, Holds.REGISTRY)])
    Worker.objects.filter(pk=gone.pk).update(stopped_at=timezone.now())
    assert actions.report_disks(other.name, [disk(50)])


def test_8_what_a_worker_freed_by_itself_is_told_beside_what_is_missing():
    worker = make_worker()
    CachePrune.objects.create(
        host=worker.host,
        cause="disk",
        state="done",
        ended_at=timezone.now(),
        sentence="It pruned 2.0 GB of build cache.",
    )
    actions.report_disks(worker.name, [disk(0.5)])
    assert "It pruned 2.0 GB of build cache." in Worker.objects.get(pk=worker.pk).disk_fault


def test_8_a_worker_looks_at_its_disks_before_it_takes_a_build(monkeypatch):
    """Between two reports a disk may fill."""
    worker = make_worker()
    build = make_build()
    monkeypatch.setattr(room, "measure_disks", lambda: (disk(0.5),))
    run_until_idle(worker.name)
    build.refresh_from_db()
    assert (build.state, build.attempt) == (State.QUEUED, 0)
    assert Worker.objects.get(pk=worker.pk).disk_fault


def test_an_unknown_worker_is_judged_by_its_disks(monkeypatch):
    monkeypatch.setattr(room, "measure_disks", lambda: (disk(0.5),))
    assert not room.has_room("nobody-1-2")
    monkeypatch.setattr(room, "measure_disks", lambda: (disk(5),))
    assert room.has_room("nobody-1-2")


def started() -> tuple[Run, Build]:
    build = make_build()
    run = claim_next(make_worker(f"w{build.pk}").name)
    assert run is not None
    return run, build


FULL = BuildError(ErrorKind.BUILDER, "The builder's disk is full.", retryable=True, needs_space=True)


def test_x04_12_a_full_disk_uses_up_no_attempt():
    """12. A platform fault does not use up the user's retries."""
    run, build = started()
    assert lifecycle.fail(run, FULL)
    build.refresh_from_db()
    assert (build.state, build.platform_failures, build.space_failures) == (State.QUEUED, 0, 1)
    assert build.wait_reason == (
        "The builder's disk is full. It waits for room and starts again by itself; that uses up none of its attempts."
    )


def test_a_build_that_fills_every_disk_comes_to_an_end_and_says_so():
    run, build = started()
    Build.objects.filter(pk=build.pk).update(space_failures=lifecycle.MOST_FULL_DISKS - 1)
    assert lifecycle.fail(run, FULL)
    build.refresh_from_db()
    assert build.state == State.FAILED
    assert "It met a full disk 5 times although there was room when it began" in build.error_message


def test_a_disk_that_fills_in_our_own_hands_is_told_as_that():
    error = _our_fault(OSError(errno.ENOSPC, "No space left on device"))
    assert error.needs_space
    assert error.message.startswith("A disk of the worker that ran this build is full.")
    assert not _our_fault(OSError(errno.EIO, "I/O error")).needs_space


def test_filesystems_are_measured_once_each_and_folders_elsewhere_left_out(tmp_path: Path):
    (tmp_path / "a").mkdir()
    folders = {Holds.WORK: tmp_path, Holds.DATA: tmp_path / "a", Holds.ENGINE: tmp_path / "no", Holds.REGISTRY: None}
    (found,) = disks.measure(folders, 5)
    assert (found.holds, found.limit_bytes) == ((Holds.WORK, Holds.DATA), 5)
    assert 0 < found.free_bytes <= found.total_bytes


@pytest.fixture
def small(tmp_path: Path):
    """A filesystem of 8 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    if subprocess.run(argv, check=False, capture_output=True).returncode != 0:
        pytest.skip("this user may not mount")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_8_a_disk_that_really_fills_stops_claims_and_starts_them_again(small: Path, settings):
    settings.WORK_DIR, settings.HOME, settings.MIN_FREE_BYTES = small / "work", small, 4 * 1024**2
    worker = make_worker()
    assert room.has_room(worker.name)
    make_build()
    filler = small / "filler"
    filler.write_bytes(b"x" * 5 * 1024**2)
    assert not room.has_room(worker.name)
    assert claim_next(worker.name) is None
    filler.unlink()
    assert room.has_room(worker.name)
    assert claim_next(worker.name) is not None


def test_8_the_engines_data_is_found_through_its_api(docker_host: str):
    folder = disks.engine_folder(docker_host)
    assert folder is not None
    assert (folder / "containerd").is_dir() or (folder / "buildkit").is_dir()
    assert disks.engine_folder(docker_host, "a-builder") is None
    assert disks.engine_folder("tcp://10.0.0.9:2375") is None
    assert disks.engine_folder("", given="/data") == Path("/data")


def test_an_engine_that_is_away_is_not_asked_with_every_report(monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(disks, "_answers", {})
    monkeypatch.setattr(disks, "_asked", asked.append)
    for _ in range(3):
        assert disks.engine_folder("unix:///no/such.sock") is None
    assert len(asked) == 1
    monkeypatch.setattr(disks, "AGAIN_S", -1.0)
    disks.engine_folder("unix:///no/such.sock")
    assert len(asked) == 2
