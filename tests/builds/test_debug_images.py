"""Orders for debug images: who may give one, who takes it, and how each ends; two at once, and the dead."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.storage import storages

from accounts.models import AuditEntry
from builds.actions import debug_images as orders
from builds.actions.repositories import remove_repository
from builds.logs.transcripts import Transcript
from builds.models import Build, DebugImage, Worker
from builds.pipeline.logbook import forget_deleted
from lib.clock import database_now
from lib.refusal import Refused
from registry.models import Tag
from tests.builds.debugging import make_failed, make_image, make_session
from tests.factories import make_admin

State = DebugImage.State
pytestmark = pytest.mark.django_db


@pytest.fixture
def rung(monkeypatch) -> list[tuple]:
    """What was sent to workers."""
    sent: list[tuple] = []
    for place in ("builds.actions.debug_images.enqueue", "builds.actions.repositories.enqueue"):
        monkeypatch.setattr(place, lambda name, *args, **_: sent.append((name, *args)))
    return sent


def taken(build: Build) -> DebugImage:
    image = orders.take_debug_image(orders.ask_debug_image(make_admin(), build).pk, "w1", "host-1")
    assert image is not None
    return image


def test_it_is_an_order_for_a_worker_and_stands_in_the_audit(rung):
    build = make_failed()
    image = orders.ask_debug_image(make_admin(), build)
    assert (image.state, image.step_index, image.step_name) == ("asked", 4, build.error_step)
    assert rung == [("builds.make_debug_image", image.pk)]
    assert AuditEntry.objects.get().action == "debug_image.ask"


def test_who_asks_again_gets_the_one_that_lives(rung):
    build = make_failed()
    first = orders.ask_debug_image(make_admin(), build)
    assert orders.ask_debug_image(make_admin(), build).pk == first.pk
    assert len(rung) == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"untrusted": True, "pull_request": {"fork": True}}, "stranger's pull request"),
        ({"untrusted": True, "pull_request": {"fork": True}, "approved_by": "alice"}, "stranger's pull request"),
        ({"state": "succeeded"}, "Only a build that failed"),
        ({"error_line": None}, "No step of the Dockerfile"),
    ],
)
def test_it_refuses_what_has_no_step_to_look_at(rung, fields: dict, said: str):
    with pytest.raises(Refused, match=said):
        orders.ask_debug_image(make_admin(), make_failed(**fields))
    assert rung == []


def test_it_takes_no_tag_that_a_rule_put(rung):
    build = make_failed()
    Tag.objects.create(repository=build.repository, name=f"debug-{build.number}", digest="sha256:1")
    with pytest.raises(Refused, match="a tag that a rule of yours puts"):
        orders.ask_debug_image(make_admin(), build)


def test_nobody_asks_without_end(rung, monkeypatch):
    monkeypatch.setattr(orders, "MOST_AN_HOUR", 2)
    for _ in range(2):
        make_image(make_failed(), "failed", asked_by=make_admin())
    with pytest.raises(Refused, match="Ask again later"):
        orders.ask_debug_image(make_admin(), make_failed())


def test_of_two_workers_one_takes_it(rung):
    image = orders.ask_debug_image(make_admin(), make_failed())
    first = orders.take_debug_image(image.pk, "w1", "host-1")
    assert first is not None and first.state == State.MAKING
    assert orders.take_debug_image(image.pk, "w2", "host-2") is None


def test_the_host_that_has_the_cache_comes_first(rung):
    now = database_now()
    Worker.objects.create(name="w1", host="host-1", slots=1, seen_at=now)
    image = orders.ask_debug_image(make_admin(), make_failed(worker="w1"))
    assert orders.take_debug_image(image.pk, "w2", "host-2") is None
    DebugImage.objects.update(asked_at=now - orders.OWN_HOST_FIRST)
    assert orders.take_debug_image(image.pk, "w2", "host-2") is not None


def test_a_host_that_is_gone_keeps_nobody_waiting(rung):
    Worker.objects.create(name="w1", host="host-1", slots=1, seen_at=database_now() - timedelta(hours=1))
    image = orders.ask_debug_image(make_admin(), make_failed(worker="w1"))
    assert orders.take_debug_image(image.pk, "w2", "host-2") is not None


def test_a_bell_that_the_wrong_worker_heard_goes_on_to_the_next(rung):
    image = orders.ask_debug_image(make_admin(), make_failed())
    orders.pass_on(image.pk, 0)
    orders.pass_on(image.pk, orders.MOST_PASSES)
    assert rung[1:] == [("builds.make_debug_image", image.pk, 1)]


def test_it_is_ready_for_so_many_hours(rung, settings):
    settings.DEBUG_HOURS = 3
    image = taken(make_failed())
    assert orders.record_ready(image, digest="sha256:1", facts={})
    image.refresh_from_db()
    assert image.state == State.READY
    assert image.expires_at - image.ready_at == timedelta(hours=3)


def test_a_maker_that_lost_it_changes_nothing(rung):
    image = taken(make_failed())
    orders.remove_debug_image(make_admin(), image)
    assert not orders.hold(image)
    assert not orders.record_ready(image, digest="sha256:1", facts={})
    orders.record_failed(image, "late", may_be_pushed=True)
    image.refresh_from_db()
    assert image.state == State.FAILED
    assert image.sentence == "admin did not want it any more."


def test_what_may_be_in_the_registry_goes_after_a_failure_too(rung):
    image = taken(make_failed())
    orders.record_failed(image, "no", may_be_pushed=True)
    assert orders.take_removal(image.pk, database_now()) is not None


def test_what_never_reached_the_registry_needs_no_removal(rung):
    image = taken(make_failed())
    orders.record_failed(image, "no", may_be_pushed=False)
    assert orders.take_removal(image.pk, database_now()) is None


def test_of_two_who_remove_it_one_does(rung):
    image = make_image(make_failed(), expires_at=database_now() - timedelta(seconds=1))
    assert orders.take_removal(image.pk, database_now()) is not None
    assert orders.take_removal(image.pk, database_now()) is None


def test_nothing_is_removed_before_its_time(rung):
    image = make_image(make_failed())
    assert orders.take_removal(image.pk, database_now()) is None


def test_an_old_one_takes_no_tag_from_the_new_one(rung):
    build = make_failed()
    old = make_image(build, "failed", expires_at=database_now() - timedelta(seconds=1))
    make_image(build, "making")
    assert orders.take_removal(old.pk, database_now()) is None
    old.refresh_from_db()
    assert old.expires_at is None  # and is not asked about again


@pytest.mark.parametrize("state", ["ready", "failed"])
def test_nobody_asks_while_the_last_one_is_being_removed(rung, state):
    build = make_failed()
    old = make_image(build, state, expires_at=database_now() - timedelta(seconds=1))
    assert orders.take_removal(old.pk, database_now()) is not None
    with pytest.raises(Refused, match="being removed just now"):
        orders.ask_debug_image(make_admin(), build)
    orders.record_removed(old, "")
    assert orders.ask_debug_image(make_admin(), build).pk != old.pk


def test_one_that_is_about_to_be_removed_is_promised_to_nobody(rung):
    image = make_image(make_failed())
    orders.remove_debug_image(make_admin(), image)
    with pytest.raises(Refused, match="being removed just now"):
        orders.ask_debug_image(make_admin(), image.build)


def test_an_order_of_a_dead_worker_is_anybodys_again(rung):
    image = taken(make_failed())
    DebugImage.objects.update(lease_until=database_now() - timedelta(seconds=1))
    orders.sweep_debug_images(database_now())
    image.refresh_from_db()
    assert (image.state, image.worker) == (State.ASKED, "")
    assert rung[-1] == ("builds.make_debug_image", image.pk)


def test_an_order_that_nobody_can_carry_out_ends(rung):
    image = orders.ask_debug_image(make_admin(), make_failed())
    DebugImage.objects.update(asked_at=database_now() - orders.PATIENCE - timedelta(seconds=1))
    orders.sweep_debug_images(database_now())
    image.refresh_from_db()
    assert image.state == State.FAILED
    assert image.sentence == "No worker made it in time. Ask for it again."


def test_beat_rings_for_what_is_over(rung):
    image = make_image(make_failed(), expires_at=database_now() - timedelta(seconds=1))
    make_image(make_failed())
    orders.sweep_debug_images(database_now())
    assert rung == [("builds.remove_debug_image", image.pk)]


def test_a_deleted_repository_takes_its_debug_images_along(rung):
    build = make_failed()
    make_image(build)
    repository = build.repository
    registry_id, path = repository.registry_id, repository.path
    remove_repository(make_admin(), repository)
    assert rung == [("builds.remove_debug_tags", registry_id, path, f"debug-{build.number}")]


def test_a_deleted_repository_takes_its_transcripts_along(rung, settings, tmp_path):
    logs = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = {**settings.STORAGES, "logs": logs}
    build = make_failed()
    kept = Transcript(storages["logs"], build.pk, 1)
    kept.add(b"hello")
    make_session(make_image(build, "expired"), make_admin(), transcript=kept.save()[0])
    remove_repository(make_admin(), build.repository)
    assert rung == [("builds.forget_logs", build.pk)]
    forget_deleted([build.pk])
    assert not list(tmp_path.rglob("*.zst"))
