"""Rolling back and promoting: what is asked, what a worker puts, what is refused, and what a death leaves behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import AuditEntry
from builds.actions import tag_turns as actions
from builds.actions.fixed_tags import set_fixed_tags
from builds.actions.tag_orders import ask_tag, find_target, release_tag
from builds.actions.tag_turns import ring_for_orders, take_order
from builds.models import BaseImage, Build, TagOrder
from builds.pipeline import tag_orders as pipeline
from lib.clock import database_now
from lib.refusal import Refused
from registry.actions import publish_lock
from registry.client import put_tags
from registry.models import Registry, Repository, Tag, TagMove
from registry.opening import open_client
from tests.builds.tag_orders import ask, at, digest_in, done, succeeded
from tests.factories import make_build, make_user
from tests.fake_registry import FakeRegistry, fake_registry
from tests.images import make_image

pytestmark = pytest.mark.django_db


@pytest.fixture
def fake(repository, rings, settings, tmp_path, monkeypatch) -> Iterator[FakeRegistry]:
    settings.HOME = tmp_path
    monkeypatch.setattr(pipeline, "LOCK_WAIT_S", 0.2)
    monkeypatch.setattr(pipeline, "open_client", partial(open_client, wait=lambda _s: None))
    monkeypatch.setattr(pipeline, "put_tags", partial(put_tags, wait_back=lambda _s: None))
    with fake_registry() as server:
        Registry.objects.filter(pk=repository.registry_id).update(host=server.host, scheme="http")
        repository.refresh_from_db()
        yield server


@pytest.fixture
def two(repository, fake) -> list[Build]:
    """Builds #1 and #2; `latest` points to #2."""
    return [succeeded(repository, "latest", fake=fake, commit=letter * 40) for letter in "ab"]


def rename(repository: Repository, namespace: str, fake: FakeRegistry) -> None:
    """Have the registry misbehave: `tests.fake_registry.FAULTS` goes by the first part of the name."""
    repository.namespace.name = namespace
    repository.namespace.save()
    for (path, reference), found in list(fake.state.manifests.items()):
        fake.state.manifests[f"{namespace}/{path.split('/')[1]}", reference] = found


def test_a_tag_is_rolled_back_without_a_build(repository, fake, two, rings, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        order = ask(repository, "latest", two[0])
    assert (order.state, order.kind, rings[-1]) == ("asked", "rollback", "builds.move_tags")
    assert done(order).sentence == "`latest` was rolled back from build #2 to build #1 by wendy."
    assert (order.state, at(repository, "latest")) == ("done", 1)
    assert digest_in(fake, repository, "latest") == two[0].digest
    assert fake.state.count("PUT") == 1
    assert Tag.objects.get(name="latest").size_bytes == 1001


def test_history_says_who_moved_it_and_how(repository, fake, two):
    done(ask(repository, "latest", two[0]))
    move = TagMove.objects.filter(tag="latest").first()
    assert (move.kind, move.by, move.from_digest, move.to_digest) == ("rollback", "wendy", two[1].digest, two[0].digest)
    entry = AuditEntry.objects.get()
    told = (entry.actor.username, entry.action, entry.target, entry.detail)
    assert told == ("wendy", "tag.rollback", "acme/web", "latest: build #2 → build #1")


def test_it_is_taken_back_the_same_way(repository, fake, two):
    done(ask(repository, "latest", two[0]))
    back = ask_tag(make_user("wendy"), repository, "latest", find_target(repository, digest=two[1].digest))
    assert done(back).sentence == "`latest` was rolled back from build #1 to build #2 by wendy."
    assert digest_in(fake, repository, "latest") == two[1].digest


def test_a_new_tag_is_put_on_an_earlier_build(repository, fake, two):
    order = ask(repository, "stable", two[0], hold=True)
    assert done(order).sentence == "`stable` was put on build #1 by wendy. It is held there."
    assert (order.kind, Tag.objects.get(name="stable").held_by) == ("promote", "wendy")


def test_an_image_that_no_build_made_is_found_in_the_history(repository, fake, two):
    manifest = make_image("by hand").manifest
    fake.state.manifests[repository.path, manifest.digest] = (manifest.media_type, manifest.body)
    fake.state.manifests[repository.path, "latest"] = (manifest.media_type, manifest.body)
    TagMove.objects.create(repository=repository, tag="latest", from_digest=manifest.digest, to_digest=two[1].digest)
    order = ask_tag(make_user("wendy"), repository, "latest", find_target(repository, digest=manifest.digest))
    assert done(order).sentence.startswith("`latest` was rolled back from build #2 to `sha256:")
    assert (at(repository, "latest"), order.state) == (None, "done")


def test_bases_hear_of_it_at_once(repository, fake, two):
    host, path = repository.registry.host, repository.path
    name, later = f"{host}/{path}:latest", database_now() + timedelta(hours=1)
    BaseImage.objects.create(name=name, host=host, path=path, tag="latest", digest=two[1].digest, next_check_at=later)
    done(ask(repository, "latest", two[0]))
    assert BaseImage.objects.get().digest == two[0].digest


def test_asking_twice_is_harmless_and_two_people_do_not_pull_at_one_tag(repository, fake, two):
    first = ask(repository, "latest", two[0])
    assert ask(repository, "latest", two[0]).pk == first.pk
    with pytest.raises(Refused, match=r"wendy is moving `latest` to build #1 at this moment\. Wait until it is done\."):
        ask(repository, "latest", two[1])
    assert done(first).state == "done"
    again = done(ask(repository, "latest", two[0]))
    assert again.sentence == "`latest` is at build #1, as it was; wendy asked for it."
    assert TagMove.objects.filter(tag="latest", by="wendy").count() == 1


def test_what_was_seen_and_moved_meanwhile_is_not_moved_again(repository, fake, two):
    said = r"`latest` was not moved: it points to build #2 meanwhile\. Ask again if you still want it at build #1\."
    with pytest.raises(Refused, match=said):
        ask(repository, "latest", two[0], seen=two[0].digest)
    order = ask(repository, "latest", two[0])
    third = succeeded(repository, "latest", fake=fake, commit="c" * 40)
    assert "it points to build #3 meanwhile" in done(order).sentence
    assert (order.state, digest_in(fake, repository, "latest")) == ("failed", third.digest)


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("build-1", r"`build-1` is the tag of a build, and those never move\."),
        ("a/b", r"`a/b` cannot be a tag: a tag holds only letters"),
        ("-x", "a tag begins with a letter, a digit or `_`"),
    ],
)
def test_what_is_no_floating_tag_is_refused(repository, fake, two, tag, words):
    with pytest.raises(Refused, match=words):
        ask(repository, tag, two[1])


def test_only_images_that_the_repository_had_can_be_meant(repository, fake, two):
    failed = make_build(state="failed", commit="c" * 40)
    with pytest.raises(Refused, match=r"Build #3 has no image in the registry"):
        find_target(repository, build=failed.number)
    with pytest.raises(Refused, match=r"acme/web has no build #99\."):
        find_target(repository, build=99)
    with pytest.raises(Refused, match=r"No tag of acme/web ever pointed to"):
        find_target(repository, digest="sha256:" + "0" * 64)


def test_a_fixed_tag_is_put_once_and_moved_by_nobody(repository, fake, two):
    set_fixed_tags(make_user("olga"), repository, r"/^\d/")
    assert done(ask(repository, "1.0", two[0])).state == "done"
    said = r"`1\.0` was not moved: tags that match `/\^\\d/` never move in this repository, and this one is there and "
    with pytest.raises(Refused, match=f"{said}points to build #1. Choose another tag"):
        ask(repository, "1.0", two[1])


def test_a_tag_that_was_fixed_meanwhile_or_pushed_by_hand_stays(repository, fake, two):
    orders = [ask(repository, "latest", two[0]), ask(repository, "hand", two[0])]
    manifest = make_image("by hand").manifest
    fake.state.manifests[repository.path, "hand"] = (manifest.media_type, manifest.body)
    set_fixed_tags(make_user("olga"), repository, "latest\nhand")
    assert [done(order).state for order in orders] == ["failed", "failed"]
    assert "it never moves in this repository, and this one is there, put by hand." in orders[1].sentence
    assert digest_in(fake, repository, "hand") == manifest.digest
    assert fake.state.count("PUT") == 0


def test_a_held_tag_is_moved_by_people_and_stays_held_unless_they_say_otherwise(repository, fake, two):
    done(ask(repository, "latest", two[0], hold=True))
    done(ask(repository, "latest", two[1]))
    assert (at(repository, "latest"), Tag.objects.get(name="latest").held_by) == (2, "wendy")
    done(ask(repository, "latest", two[0], hold=False))
    assert Tag.objects.get(name="latest").held_since is None


def test_releasing_is_audited_and_says_when_there_is_nothing_to_release(repository, fake, two):
    done(ask(repository, "latest", two[1], hold=True))
    release_tag(make_user("wendy"), repository, "latest")
    assert Tag.objects.get(name="latest").held_by == ""
    assert AuditEntry.objects.filter(action="tag.release").count() == 1
    with pytest.raises(Refused, match="`latest` is not held; builds move it"):
        release_tag(make_user("wendy"), repository, "latest")


def test_an_image_that_is_gone_is_named(repository, fake, two):
    order = ask(repository, "latest", two[0])
    del fake.state.manifests[repository.path, two[0].digest]
    said = "`latest` was not moved: the image of build #1 is no longer in the registry."
    assert done(order).sentence == f"{said} Build the commit of build #1 again."
    assert (order.state, at(repository, "latest")) == ("failed", 2)


@pytest.mark.parametrize(
    ("namespace", "state", "words"),
    [
        ("denied", "failed", "nobody may write there."),
        ("immutable", "failed", "the tag is immutable"),
        ("manifest500", "asked", "500"),  # it is tried again
        ("flaky", "done", "`latest` was rolled back from build #2 to build #1 by wendy."),
    ],
)
def test_a_registry_that_refuses_in_the_middle_leaves_the_tag_as_it_was(repository, fake, two, namespace, state, words):
    rename(repository, namespace, fake)
    order = done(ask(repository, "latest", two[0]))
    assert (order.state, words in order.sentence) == (state, True), order.sentence
    assert at(repository, "latest") == (1 if state == "done" else 2)
    assert digest_in(fake, repository, "latest") == two[0 if state == "done" else 1].digest


def test_a_registry_that_goes_on_failing_ends_the_order(repository, fake, two):
    order = ask(repository, "latest", two[0])
    TagOrder.objects.update(turns=actions.MOST_TURNS - 1)
    Registry.objects.filter(pk=repository.registry_id).update(host="127.0.0.1:1")
    taken = take_order()
    actions.put_back(taken, "The registry does not answer.", wait_s=10)
    order.refresh_from_db()
    assert (order.state, order.sentence) == ("failed", "The registry does not answer. `latest` was not moved.")


def test_a_build_that_is_putting_the_same_tag_comes_first(repository, fake, two):
    running = make_build(state="publishing", commit="c" * 40, publication={"digest": "sha256:1", "tags": ["latest"]})
    order = ask(repository, "latest", two[0])
    assert done(order).sentence == "Build #3 is about to put `latest`; this comes right after it."
    assert (order.state, order.turns, fake.state.count("PUT")) == ("asked", 0, 0)
    Build.objects.filter(pk=running.pk).update(state="failed")
    TagOrder.objects.update(not_before=database_now())
    assert done(order).state == "done"


def test_no_tag_moves_outside_the_publish_lock(repository, fake, two):
    order = ask(repository, "latest", two[0])
    with publish_lock(repository.pk):
        said = "A build is putting its tags, and none moves meanwhile; this comes right after it."
        assert done(order).sentence == said
        assert fake.state.count("PUT") == 0
    assert order.state == "asked"


@pytest.mark.parametrize("dies_in", ["find", "put_manifest", "after the put"])
def test_a_worker_that_dies_leaves_the_order_to_the_next_one(
    repository, fake, two, dies_in, monkeypatch, rings, django_capture_on_commit_callbacks
):
    order = ask(repository, "latest", two[0])
    with monkeypatch.context() as patch:
        name = "builds.pipeline.tag_orders.finish_order" if dies_in == "after the put" else None
        target = name or f"registry.client.client.RegistryClient.{dies_in}"
        patch.setattr(target, lambda *_a, **_k: (_ for _ in ()).throw(SystemExit()))  # as kill -9: nothing is caught
        with pytest.raises(SystemExit):
            pipeline.move_tags()
    Repository.objects.update(publish_lock="")  # it runs out by itself
    assert done(order).state == "doing"  # its lease holds: nobody else takes it
    TagOrder.objects.update(lease_until=database_now() - timedelta(seconds=1))
    with django_capture_on_commit_callbacks(execute=True):
        ring_for_orders(database_now())
    assert rings == ["builds.move_tags"]
    assert done(order).sentence == "`latest` was rolled back from build #2 to build #1 by wendy."
    assert digest_in(fake, repository, "latest") == two[0].digest
    assert TagMove.objects.filter(tag="latest", by="wendy").count() == 1


def test_of_two_workers_one_gets_the_order_and_the_late_one_writes_nothing(repository, fake, two):
    order = ask(repository, "latest", two[0])
    late = take_order()
    assert late.pk == order.pk
    assert take_order() is None
    TagOrder.objects.update(lease_until=database_now() - timedelta(seconds=1))
    second = take_order()
    assert not actions.hold_lease(late)
    with publish_lock(repository.pk) as lock:
        tag = Tag.objects.get(name="latest")
        assert not actions.finish_order(late, tag, lock, media_type="", size=None)
    actions.fail_order(late, "late")
    order.refresh_from_db()
    assert (order.state, order.turns, at(repository, "latest")) == ("doing", 2, 2)
    assert actions.hold_lease(second)


def test_a_lock_that_was_lost_writes_nothing(repository, fake, two):
    ask(repository, "latest", two[0])
    taken = take_order()
    with publish_lock(repository.pk) as lock:
        Repository.objects.update(publish_lock="another")
        assert not actions.finish_order(taken, Tag.objects.get(name="latest"), lock, media_type="", size=None)
    assert (TagOrder.objects.get().state, at(repository, "latest")) == ("doing", 2)


def test_an_hour_behind_a_build_is_enough(repository, fake, two):
    make_build(state="publishing", commit="c" * 40, publication={"digest": "sha256:1", "tags": ["latest"]})
    order = ask(repository, "latest", two[0])
    TagOrder.objects.update(asked_at=timezone.now() - timedelta(hours=2))
    said = "Build #3 is about to put `latest`; this comes right after it. `latest` was not moved."
    assert (done(order).sentence, order.state) == (said, "failed")


@pytest.mark.django_db(transaction=True)
def test_of_people_who_ask_at_one_moment_one_is_served_and_the_others_hear_by_whom(repository, fake, two):
    start, heard = threading.Barrier(4), []

    def person(build: Build) -> None:
        start.wait()
        try:
            heard.append(ask(repository, "latest", build).pk)
        except Refused as refused:
            heard.append(refused.sentence)
        finally:
            connection.close()

    third = succeeded(repository, commit="c" * 40)
    make_user("wendy")
    people = [threading.Thread(target=person, args=(build,)) for build in (two[0], third, two[0], third)]
    for thread in people:
        thread.start()
    for thread in people:
        thread.join()
    [order] = TagOrder.objects.all()
    refused = [said for said in heard if said != order.pk]
    assert len(refused) == 2, heard
    assert all(said.startswith(f"wendy is moving `latest` to build #{order.build_number} at") for said in refused)
