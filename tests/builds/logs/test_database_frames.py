"""The frame store in the database: what the log's writer, reader and archive rely on."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from django.db import OperationalError

from builds.core.frames import Archive, ArchivedFrame, Frame, StoreClosed, StoreUnavailable
from builds.core.states import State
from builds.models import Build, LogFrame
from builds.models.log import DatabaseFrames
from tests.factories import make_build

pytestmark = pytest.mark.django_db

FRAMES = [Frame(0, 0, 0, 2, 0, 4, b"\x00\xff"), Frame(0, 1, 2, 1, 4, 2, b"b"), Frame(3, 0, 0, 1, 0, 2, b"c")]


@pytest.fixture
def build():
    return make_build(state=State.BUILDING, attempt=1)


@pytest.fixture
def store(build):
    store = DatabaseFrames()
    store.insert(build.pk, 1, FRAMES)
    return store


def test_it_lists_frames_in_order_and_without_their_data(store, build):
    assert store.listing(build.pk, 1) == [frame._replace(data=b"") for frame in FRAMES]
    assert store.listing(build.pk, 1, 3) == [FRAMES[2]._replace(data=b"")]
    assert store.listing(build.pk, 2) == []


def test_it_gives_the_data_in_the_order_that_was_asked_for(store, build):
    assert store.data(build.pk, 1, [FRAMES[2], FRAMES[0]]) == [b"c", b"\x00\xff"]
    assert store.data(build.pk, 1, []) == []


def test_it_says_that_a_frame_is_gone(store, build):
    LogFrame.objects.filter(step_index=3).delete()
    assert store.data(build.pk, 1, FRAMES) is None


def test_it_leaves_a_frame_that_is_there_already(store, build):
    store.insert(build.pk, 1, [FRAMES[1]._replace(data=b"other")])
    assert store.data(build.pk, 1, [FRAMES[1]]) == [b"b"]


@pytest.mark.parametrize("change", [{"attempt": 2}, {"state": State.QUEUED}, {"state": State.FAILED}])
def test_it_takes_nothing_from_an_attempt_that_lost_its_build(store, build, change):
    """A worker that lost its lease can change nothing."""
    Build.objects.filter(pk=build.pk).update(**change)
    with pytest.raises(StoreClosed):
        store.insert(build.pk, 1, [Frame(9, 0, 0, 1, 0, 2, b"z")])
    DatabaseFrames(fenced=False).insert(build.pk, 1, [Frame(9, 0, 0, 1, 0, 2, b"z")])


def test_it_drops_the_frames_with_the_record_of_the_archive(store, build):
    archive = Archive("1.zst", [ArchivedFrame(0, 0, 3, 0, 6, 0, 5), ArchivedFrame(3, 0, 1, 0, 2, 5, 5)], "cut")
    assert store.save_archive(build.pk, 1, archive) == archive
    assert store.archive(build.pk, 1) == archive
    assert not LogFrame.objects.exists()
    assert store.save_archive(build.pk, 1, Archive("2.zst", [])) == archive


def test_it_keeps_frames_that_came_while_the_log_was_archived(store, build):
    with pytest.raises(StoreUnavailable):
        store.save_archive(build.pk, 1, Archive("1.zst", [ArchivedFrame(0, 0, 3, 0, 6, 0, 5)]))
    assert LogFrame.objects.count() == 3
    assert store.archive(build.pk, 1) is None


def test_it_says_when_the_database_is_locked(store, build):
    locked = patch.object(LogFrame.objects, "bulk_create", side_effect=OperationalError("database is locked"))
    with locked, pytest.raises(StoreUnavailable, match="database is locked"):
        store.insert(build.pk, 1, FRAMES)
