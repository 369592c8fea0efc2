"""Measuring what images take up: who may, what is written down, and the real folder of a real registry."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from imageyard.supervisor.ports import free_port
from imageyard.supervisor.registry import Registry as Server
from registry.actions import default_registry
from registry.actions import storage as actions
from registry.actions.storage import Measures
from registry.core.usage import Measured
from registry.errands import storage as errand
from registry.models import CollectionRun, Registry, StoragePoint, StorageSurvey, StorageUse, Tag
from registry.storage.survey import Survey, Use
from tests.factories import make_repository
from tests.images import Pusher, layer, make_image
from tests.real_parts import running

pytestmark = pytest.mark.django_db


def tag(repository, name: str, digest: str, size: int | None) -> Tag:
    return Tag.objects.create(repository=repository, name=name, digest=digest, size_bytes=size)


def use_of(thing) -> tuple[int, int, int, bool]:
    row = thing.storage_use
    row.refresh_from_db()
    return row.total_bytes, row.images, row.tags, row.is_estimate


def test_8_of_a_registry_elsewhere_tags_tell_what_it_is_and_it_is_called_an_estimate():
    web, api = make_repository("acme/web"), make_repository("acme/api")
    tag(web, "latest", "sha256:a", 10)
    tag(web, "build-1", "sha256:a", 10)
    tag(api, "latest", "sha256:b", 30)
    errand.measure_storage("w1")
    assert use_of(web) == (10, 1, 2, True)
    assert use_of(api) == (30, 1, 1, True)
    assert use_of(web.namespace) == (40, 2, 3, True)
    assert use_of(default_registry()) == (40, 2, 3, True)


def test_8_of_the_own_registry_a_namespace_is_not_the_sum_of_its_repositories(settings):
    settings.REGISTRY_AUTH = "token"
    web, api = make_repository("acme/web"), make_repository("acme/api")
    elsewhere = Registry.objects.create(name="other", host="registry.example.com")
    other = make_repository("acme/other")
    type(other).objects.filter(pk=other.pk).update(registry=elsewhere)
    tag(other, "latest", "sha256:z", 7)
    found = Survey(
        repositories=[Use("acme/web", 2, 3, 10, 100, 4), Use("acme/api", 1, 1, 20, 100), Use("gone/away", 1, 1, 5)],
        namespaces=[Use("acme", 3, 4, 130, 0, 4), Use("gone", 1, 1, 5)],
        total_bytes=135,
        reclaimable_bytes=9,
    )
    row = actions.take_measure("w1")
    assert row is not None
    assert actions.record_measures(row, errand.put_together(found), took_s=0.1)
    assert use_of(web) == (110, 2, 3, False)
    assert (web.storage_use.unique_bytes, web.storage_use.shared_bytes) == (10, 100)
    assert use_of(api) == (120, 1, 1, False)
    assert use_of(web.namespace) == (137, 4, 5, True), "an estimate in part, for the registry elsewhere"
    assert use_of(default_registry()) == (135, 4, 5, False)
    assert default_registry().storage_use.reclaimable_bytes == 9
    assert use_of(elsewhere) == (7, 1, 1, True)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("own"), f"127.0.0.1:{free_port()}")
    with running(server):
        yield server


@pytest.mark.engine
def test_8_the_real_folder_of_a_registry_is_measured_byte_for_byte(settings, server: Server):
    settings.REGISTRY_HOST, settings.REGISTRY_AUTH, settings.REGISTRY_STORAGE = server.host, "token", str(server.folder)
    web, api = make_repository("acme/web"), make_repository("acme/api")
    shared = layer("base", b"the same everywhere")
    for path, text in (("acme/web", "one"), ("acme/web", "two"), ("acme/api", "three")):
        pusher = Pusher(server.host, path)
        pusher.image(make_image(text), text)
        pusher.close()
    errand.measure_storage("w1")
    whole = default_registry().storage_use
    blobs = sum(path.stat().st_size for path in server.folder.rglob("blobs/**/data"))
    assert whole.total_bytes == blobs
    assert not whole.is_estimate
    for each in (web, api):
        each.storage_use.refresh_from_db()
        assert each.storage_use.shared_bytes == len(shared), "both have the base"
        assert each.storage_use.unique_bytes > 0
    assert web.storage_use.images == 2
    assert web.namespace.storage_use.total_bytes == blobs


def test_only_one_measures_and_one_that_lost_its_lease_writes_nothing():
    first = actions.take_measure("w1")
    assert first is not None
    assert actions.take_measure("w2") is None
    StorageSurvey.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    second = actions.take_measure("w2")
    assert second is not None
    web = make_repository()
    assert not actions.keep_measure(first)
    assert not actions.record_measures(first, Measures({web.pk: Measured(unique_bytes=1)}), took_s=1)
    assert not StorageUse.objects.exists()
    assert actions.record_measures(second, Measures({web.pk: Measured(unique_bytes=2)}), took_s=1)
    assert web.storage_use.total_bytes == 2
    assert not actions.record_measures(second, Measures(), took_s=1), "it ended"


def test_8_there_is_one_point_a_day_where_the_size_changed_and_old_ones_go():
    web = make_repository()

    def measured(size: int) -> None:
        row = actions.take_measure("w1")
        assert row is not None
        assert actions.record_measures(row, Measures({web.pk: Measured(unique_bytes=size)}), took_s=1)

    measured(1)
    measured(2)
    assert list(StoragePoint.objects.values_list("total_bytes", flat=True)) == [2]
    today = timezone.now().date()
    StoragePoint.objects.update(day=today - timedelta(days=1))
    measured(2)
    assert StoragePoint.objects.count() == 1, "nothing changed"
    measured(3)
    assert list(StoragePoint.objects.values_list("total_bytes", flat=True)) == [2, 3]
    StoragePoint.objects.filter(total_bytes=2).update(day=today - timedelta(days=101))
    measured(3)
    assert list(StoragePoint.objects.values_list("total_bytes", flat=True)) == [3]


def test_what_holds_nothing_any_more_gets_zeros():
    web = make_repository()
    row = tag(web, "latest", "sha256:a", 10)
    errand.measure_storage("w1")
    row.delete()
    errand.measure_storage("w1")
    assert use_of(web) == (0, 0, 0, False)


def test_a_folder_that_cannot_be_read_is_said_and_what_was_known_stays(settings, tmp_path: Path):
    web = make_repository()
    tag(web, "latest", "sha256:a", 10)
    errand.measure_storage("w1")
    settings.REGISTRY_AUTH, settings.REGISTRY_STORAGE = "token", str(tmp_path)
    (tmp_path / "docker").symlink_to("/var")
    errand.measure_storage("w1")
    row = StorageSurvey.objects.get()
    assert row.lease_until is None
    assert row.sentence
    assert use_of(web)[0] == 10


def test_a_worker_that_cannot_see_the_folder_lets_another_one_measure(settings, monkeypatch):
    rung: list[tuple[str, int]] = []
    monkeypatch.setattr(errand, "enqueue", lambda name, times, expires_s: rung.append((name, times)))
    settings.REGISTRY_AUTH, settings.REGISTRY_STORAGE = "token", "/no/such/folder"
    errand.measure_storage("w1")
    assert rung == [("registry.measure_storage", 1)]
    assert not StorageSurvey.objects.exclude(measured_at=None).exists()
    errand.measure_storage("w1", errand.MOST_PASSES)
    assert StorageSurvey.objects.exclude(measured_at=None).exists(), "nobody can see it: an estimate is better"


def test_8_beat_has_it_measured_every_hour_and_a_few_minutes_after_a_push(monkeypatch):
    rung: list[str] = []
    monkeypatch.setattr(actions, "enqueue", lambda name, expires_s: rung.append(name))
    now = timezone.now()
    actions.ring_for_measure(now)
    assert len(rung) == 1
    StorageSurvey.objects.update(measured_at=now - timedelta(minutes=10))
    actions.ring_for_measure(now)
    assert len(rung) == 1
    tag(make_repository(), "latest", "sha256:a", 10)
    actions.ring_for_measure(now)
    assert len(rung) == 2
    StorageSurvey.objects.update(took_s=60)
    actions.ring_for_measure(now)
    assert len(rung) == 2, "a look at it takes a minute: not again within twenty"
    StorageSurvey.objects.update(measured_at=now - timedelta(minutes=61))
    Tag.objects.all().delete()
    actions.ring_for_measure(now)
    assert len(rung) == 3
    StorageSurvey.objects.update(measured_at=now - timedelta(minutes=10), took_s=1)
    CollectionRun.objects.create(registry=default_registry(), state="done", ended_at=now)
    actions.ring_for_measure(now)
    assert len(rung) == 4, "a clean-up ended"


def test_measures_are_what_a_survey_calls_use():
    """F's and ours: the names agree."""
    assert {field.name for field in dataclasses.fields(Use)} - {"name"} <= {
        f.name for f in dataclasses.fields(Measured)
    }
