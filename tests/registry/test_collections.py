"""Runs of the storage's clean-up on a real registry: asked for, taken with a lease, refused where it would do harm."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from accounts.models import AuditEntry
from imageyard.supervisor.ports import free_port
from imageyard.supervisor.registry import Registry as Server
from lib.clock import database_now
from lib.refusal import Refused
from registry.actions import collections as actions
from registry.actions import default_registry
from registry.actions.keeping import wish_of
from registry.core.patience import Patience
from registry.errands import collect as errand
from registry.errands.house import StorageKeeper
from registry.models import CollectionRun, RetentionPolicy, Tag, TagMove
from registry.storage.layout import V2, key_of, open_storage, text_of
from registry.storage.report import Report
from registry.storage.trash import holding
from tests.factories import make_admin, make_repository, make_user
from tests.images import Pusher, make_image
from tests.real_parts import running

pytestmark = [pytest.mark.django_db]
State = CollectionRun.State
DIGEST = f"sha256:{'a' * 64}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("storage"), f"127.0.0.1:{free_port()}")
    with running(server):
        yield server


@pytest.fixture
def own(settings, tmp_path: Path):
    """Its own registry, in a folder where nothing is yet."""
    settings.REGISTRY_AUTH = "token"
    settings.REGISTRY_STORAGE = str(tmp_path)
    return default_registry()


@pytest.fixture
def real(settings, server: Server):
    """Its own registry, which is there, with nothing in it."""
    for folder in server.folder.iterdir():
        shutil.rmtree(folder)
    settings.REGISTRY_AUTH = "token"
    settings.REGISTRY_HOST = server.host
    settings.REGISTRY_STORAGE = str(server.folder)
    settings.COLLECT_WINDOW_S, settings.COLLECT_GRACE_S = 0, 0
    return default_registry()


def never() -> bool:
    return False


def policy_of(repository, days: int | None, **more) -> RetentionPolicy:
    return RetentionPolicy.objects.create(repository=repository, untagged_days=days, **{"seen_revision": 1, **more})


def blobs(server: Server) -> list[Path]:
    return list((server.folder / V2 / "blobs").rglob("data"))


# --- asking --------------------------------------------------------------------------------------------------------
def test_only_administrators_clean_up(own):
    with pytest.raises(Refused, match="Only administrators"):
        actions.ask_collection(make_user(), is_dry=False)
    assert not CollectionRun.objects.exists()


def test_asking_twice_is_one_run_and_is_in_the_audit_once(own):
    admin = make_admin()
    first = actions.ask_collection(admin, is_dry=False)
    assert actions.ask_collection(admin, is_dry=False) == first
    assert AuditEntry.objects.filter(action="storage.clean_up").count() == 1
    with pytest.raises(Refused, match="Another clean-up is under way"):
        actions.ask_collection(admin, is_dry=True)


def test_a_registry_of_others_is_not_cleaned_up(settings):
    settings.REGISTRY_AUTH = "none"
    with pytest.raises(Refused, match="its own registry only"):
        actions.ask_collection(make_admin(), is_dry=False)
    assert actions.ask_nightly(database_now()) is None


def test_once_a_night_it_runs_by_itself(own):
    now = database_now().replace(hour=12)
    run = actions.ask_nightly(now)
    assert run is not None
    assert run.by == ""
    assert actions.ask_nightly(now) is None
    CollectionRun.objects.update(state=State.DONE, asked_at=now)
    assert actions.ask_nightly(now + timedelta(hours=15)) is None
    assert actions.ask_nightly(now + timedelta(hours=17)) is not None


# --- the lease -----------------------------------------------------------------------------------------------------
def test_one_worker_has_the_run_until_its_lease_ends(own):
    actions.ask_collection(make_admin(), is_dry=False)
    run = actions.take_run("w1")
    assert run is not None
    assert actions.take_run("w2") is None
    assert actions.hold_run(run, "images", Report(repositories=3))
    CollectionRun.objects.update(lease_until=database_now() - timedelta(seconds=1))
    other = actions.take_run("w2")
    assert other is not None
    assert (other.repositories, other.turns) == (3, 2)
    assert not actions.hold_run(run, "images", Report())
    actions.fail_run(run, "too late")
    other.refresh_from_db()
    assert other.state == State.RUNNING


def test_a_run_whose_workers_die_again_and_again_is_ended_with_a_sentence(own):
    actions.ask_collection(make_admin(), is_dry=False)
    for _ in range(actions.MOST_TURNS):
        assert actions.take_run("w") is not None
        CollectionRun.objects.update(lease_until=database_now() - timedelta(seconds=1))
    assert actions.take_run("w") is None
    assert "each time the process that did it disappeared" in CollectionRun.objects.get().sentence


def test_a_worker_that_does_not_reach_the_folder_leaves_the_run(own, settings):
    settings.REGISTRY_STORAGE = "/no/such/folder"
    actions.ask_collection(make_admin(), is_dry=False)
    assert not errand.collect_due("w1", never)
    assert CollectionRun.objects.get().state == State.ASKED


def test_a_worker_that_is_told_to_end_hands_the_run_back(real, server):
    actions.ask_collection(make_admin(), is_dry=False)
    (server.folder / V2 / "repositories/acme/web/_layers").mkdir(parents=True, exist_ok=True)
    assert errand.collect_due("w1", lambda: True)
    run = CollectionRun.objects.get()
    assert (run.state, run.turns) == (State.ASKED, 0)


# --- what must stay ------------------------------------------------------------------------------------------------
def test_a_repository_that_nobody_knows_is_kept(own):
    assert wish_of("acme/unknown") is None


def test_untagged_images_stay_for_ever_unless_a_policy_that_was_seen_says_otherwise(own):
    web = make_repository()
    assert wish_of("acme/web").untagged_s is None
    policy = policy_of(web, 7)
    assert wish_of("acme/web").untagged_s == 7 * 86400
    RetentionPolicy.objects.filter(pk=policy.pk).update(revision=2)
    assert wish_of("acme/web").untagged_s is None
    RetentionPolicy.objects.filter(pk=policy.pk).update(revision=1, is_on=False)
    assert wish_of("acme/web").untagged_s is None


def test_the_days_without_a_tag_count_from_when_the_last_tag_left(own):
    web = make_repository()
    policy_of(web, 7)
    yesterday = database_now() - timedelta(days=1)
    for at in (yesterday - timedelta(days=2), yesterday, yesterday - timedelta(days=40)):
        TagMove.objects.create(repository=web, tag="latest", from_digest=DIGEST, to_digest="", at=at)
    assert wish_of("acme/web").untagged_at == {key_of(DIGEST): pytest.approx(yesterday.timestamp())}


def test_what_our_rows_call_a_tags_image_stays(own):
    Tag.objects.create(repository=make_repository(), name="latest", digest=DIGEST)
    assert {text_of(key) for key in wish_of("acme/web").needed} == {DIGEST}


# --- a real registry -----------------------------------------------------------------------------------------------
@pytest.mark.engine
def test_what_no_tag_leads_to_goes_and_the_freed_bytes_are_told(real, server):
    policy_of(make_repository(), 0)
    pusher = Pusher(server.host, "acme/web")
    pusher.image(make_image("old"), "latest")
    pusher.image(make_image("new"), "latest")
    before = blobs(server)
    run = actions.ask_collection(make_admin(), is_dry=False)
    assert errand.collect_due("w1", never)
    run.refresh_from_db()
    assert run.state == State.DONE, run.sentence
    assert (run.gone_images, run.gone_blobs) == (1, 3)
    assert len(blobs(server)) == len(before) - 3
    assert run.freed_bytes >= 3 * 4096
    assert run.sentence.startswith("1 image that no tag leads to and 3 stored files went; ")
    assert run.found["repositories"] == [["acme/web", 1, 2, 0]]
    pusher.close()


@pytest.mark.engine
def test_a_dry_run_lists_the_same_and_deletes_nothing(real, server):
    policy_of(make_repository("acme/dry"), 0)
    pusher = Pusher(server.host, "acme/dry")
    pusher.image(make_image("dry old"), "latest")
    pusher.image(make_image("dry new"), "latest")
    before = blobs(server)
    run = actions.ask_collection(make_admin(), is_dry=True)
    assert errand.collect_due("w1", never)
    run.refresh_from_db()
    assert run.state == State.DONE, run.sentence
    assert blobs(server) == before
    assert "1 image that no tag leads to and 3 stored files would go" in run.sentence
    [(_, images, layers, freed)] = [line for line in run.found["repositories"] if line[0] == "acme/dry"]
    assert (images, layers) == (1, 2)
    assert freed > 0
    again = actions.ask_collection(make_admin(), is_dry=False)
    assert errand.collect_due("w1", never)
    again.refresh_from_db()
    assert again.gone_blobs == run.gone_blobs
    pusher.close()


@pytest.mark.engine
def test_a_registry_that_remembers_what_is_gone_is_not_cleaned_up(settings, tmp_path):
    """`cache: blobdescriptor: inmemory` makes HEAD lie after a link goes: pushes would leave layers out."""
    sections = {"storage": {"filesystem": {"rootdirectory": str(tmp_path / "registry")}, "delete": {"enabled": True}}}
    sections["storage"]["cache"] = {"blobdescriptor": "inmemory"}
    server = Server(tmp_path, f"127.0.0.1:{free_port()}", sections)
    with running(server):
        settings.REGISTRY_AUTH, settings.REGISTRY_HOST = "token", server.host
        settings.REGISTRY_STORAGE = str(server.folder)
        run = actions.ask_collection(make_admin(), is_dry=False)
        assert errand.collect_due("w1", never)
        run.refresh_from_db()
        assert run.state == State.FAILED
        assert "remembers what is not there any more" in run.sentence
        assert "Take `cache: blobdescriptor` out of its configuration" in run.sentence
        assert not list(server.folder.rglob("data"))


@pytest.mark.engine
def test_the_folder_of_another_registry_is_not_cleaned_up(real, settings, tmp_path):
    settings.REGISTRY_STORAGE = str(tmp_path)
    run = actions.ask_collection(make_admin(), is_dry=False)
    assert errand.collect_due("w1", never)
    run.refresh_from_db()
    assert run.state == State.FAILED
    assert f"does not keep its images in {tmp_path}" in run.sentence


def test_a_registry_that_does_not_answer_ends_the_run_with_its_sentence(own, settings, monkeypatch):
    monkeypatch.setattr(errand, "PATIENCE", Patience(attempts=1))
    settings.REGISTRY_HOST = f"127.0.0.1:{free_port()}"
    run = actions.ask_collection(make_admin(), is_dry=False)
    assert errand.collect_due("w1", never)
    run.refresh_from_db()
    assert run.state == State.FAILED
    assert settings.REGISTRY_HOST in run.sentence


@pytest.mark.engine
def test_one_that_somebody_else_cleans_up_is_left_alone(real, server):
    run = actions.ask_collection(make_admin(), is_dry=False)
    with holding(open_storage(server.folder)):
        assert errand.collect_due("w1", never)
    run.refresh_from_db()
    assert "is being cleaned up by another process just now" in run.sentence


@pytest.mark.engine
def test_the_keeper_does_what_is_due_by_itself(real, server):
    keeper = StorageKeeper("w1")
    keeper.step()
    run = CollectionRun.objects.get()
    assert (run.state, run.by) == (State.DONE, "")
    keeper.step()
    assert CollectionRun.objects.count() == 1
