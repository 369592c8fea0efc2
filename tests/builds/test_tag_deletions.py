"""Point 6: deleting tags by hand: what goes, what stays and why, what a death leaves, and how it is put back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AuditEntry
from builds.actions import tag_deleting as actions
from builds.actions.fixed_tags import set_fixed_tags
from builds.actions.tag_deleting import ring_for_deletions, take_deletion
from builds.actions.tag_deletions import ask_deletion, ask_deletions
from builds.actions.tag_orders import ask_tag, find_target
from builds.models import Build
from builds.pipeline import tag_deletions as pipeline
from builds.pipeline.tag_orders import move_tags
from lib.refusal import Refused
from registry.actions import publish_lock
from registry.client import RegistryClient
from registry.core.manifest import ACCEPT, stand_in
from registry.models import Registry, Repository, Tag, TagDeletion, TagMove
from tests.builds.deletions import after_turn, pushed, rows
from tests.factories import make_admin, make_user
from tests.fake_registry import fake_registry
from tests.images import Pusher, make_image
from tests.killing import Killed, die

pytestmark = pytest.mark.django_db


@pytest.fixture
def pusher(repository, registry_host, rings, settings, tmp_path, monkeypatch, request):
    """The real registry, with a namespace that no other test uses."""
    settings.HOME = tmp_path
    monkeypatch.setattr(pipeline, "LOCK_WAIT_S", 0.2)
    repository.namespace.name = f"t{abs(hash(request.node.nodeid)) % 10**12}"
    repository.namespace.save()
    Registry.objects.filter(pk=repository.registry_id).update(host=registry_host, scheme="http")
    repository.refresh_from_db()
    made = Pusher(registry_host, repository.path)
    yield made
    made.close()


@pytest.fixture
def two(repository, pusher) -> list[Build]:
    """Builds #1 and #2 with images; `latest` points to #2."""
    return [pushed(pusher, repository, "latest", commit=letter * 40) for letter in "ab"]


@pytest.fixture
def wendy(db):
    return make_user("wendy")


def tags_of(pusher: Pusher) -> set[str]:
    return set(pusher.http.get(f"{pusher.base}/tags/list").json().get("tags") or ())


def digest_of(pusher: Pusher, tag: str) -> str:
    found = pusher.http.head(f"{pusher.base}/manifests/{tag}", headers={"Accept": ACCEPT})
    return found.headers.get("docker-content-digest", "")


def later(deletion: TagDeletion) -> None:
    """The leases of whoever died are over."""
    past = timezone.now() - timedelta(minutes=10)
    TagDeletion.objects.filter(pk=deletion.pk).update(lease_until=past)
    Repository.objects.exclude(publish_lock="").update(publish_lock_until=past)


def test_a_tag_goes_and_another_tag_of_its_image_stays(
    repository, two, pusher, wendy, rings, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        deletion = ask_deletion(wendy, repository, "latest", seen=two[1].digest)
    assert (deletion.state, rings[-1]) == ("asked", "builds.delete_tags")
    assert after_turn(deletion).sentence == "`latest`, which pointed to build #2, was deleted by wendy."
    assert rows(repository) == tags_of(pusher) == {"build-1", "build-2"}
    assert digest_of(pusher, "build-2") == two[1].digest


def test_the_history_and_the_audit_keep_who_deleted_it(repository, two, wendy):
    after_turn(ask_deletion(wendy, repository, "latest"))
    move = TagMove.objects.filter(tag="latest").first()
    told = (move.kind, move.by, move.from_digest, move.to_digest, move.moved)
    assert told == ("delete", "wendy", two[1].digest, "", True)
    entry = AuditEntry.objects.get(action="tag.delete")
    assert (entry.actor, entry.target, entry.detail) == (wendy, str(repository), "latest: build #2")


def test_it_is_put_back_as_long_as_the_image_is_there(repository, two, pusher, wendy):
    after_turn(ask_deletion(wendy, repository, "latest"))
    order = ask_tag(wendy, repository, "latest", find_target(repository, digest=two[1].digest), seen="")
    move_tags()
    order.refresh_from_db()
    assert order.state == "done"
    assert digest_of(pusher, "latest") == two[1].digest
    assert Tag.objects.get(repository=repository, name="latest").build_number == 2


def test_the_tag_of_a_build_is_put_back_on_its_own_image_and_no_other(repository, two, pusher, wendy):
    after_turn(ask_deletion(wendy, repository, "build-1"))
    with pytest.raises(Refused, match="is the tag of a build"):
        ask_tag(wendy, repository, "build-1", find_target(repository, build=2))
    order = ask_tag(wendy, repository, "build-1", find_target(repository, digest=two[0].digest))
    move_tags()
    order.refresh_from_db()
    assert order.state == "done"
    assert digest_of(pusher, "build-1") == two[0].digest


def test_asking_twice_is_one_deletion(repository, two, wendy):
    first = ask_deletion(wendy, repository, "latest")
    assert ask_deletion(make_user("bob"), repository, "latest") == first
    assert AuditEntry.objects.filter(action="tag.delete").count() == 1
    after_turn(first)
    with pytest.raises(Refused, match="has no tag `latest`"):
        ask_deletion(wendy, repository, "latest")


def test_several_go_at_once_and_those_that_stay_say_why(repository, two, pusher, wendy):
    Tag.objects.filter(name="build-1").update(held_by="bob", held_since=timezone.now())
    asked = ask_deletions(wendy, repository, {"latest": None, "build-1": None, "gone": None, "build-2": two[0].digest})
    assert asked.refused == {
        "build-1": "`build-1` is not deleted: it is held by bob. Release it first.",
        "gone": "`gone` is not there any more.",
        "build-2": "`build-2` was left alone: it points to build #2 meanwhile.",
    }
    (deletion,) = asked.deletions
    assert after_turn(deletion).state == "done"
    assert tags_of(pusher) == {"build-1", "build-2"}


def test_too_many_at_once_it_refuses(repository, wendy):
    with pytest.raises(Refused, match="501 tags; 500 go at once"):
        ask_deletions(wendy, repository, {f"t{n}": None for n in range(501)})


def test_a_fixed_tag_is_not_deleted(repository, two, wendy):
    set_fixed_tags(make_admin(), repository, "/^lat/")
    with pytest.raises(Refused, match="tags that match `/\\^lat/` never move in this repository"):
        ask_deletion(wendy, repository, "latest")


@pytest.mark.parametrize(("host", "where"), [("docker.io", "hub.docker.com"), ("ghcr.io", "GitHub")])
def test_where_the_registry_has_no_way_it_says_where_to_delete_it(repository, two, wendy, host, where):
    kind = {"docker.io": "docker_hub", "ghcr.io": "ghcr"}[host]
    Registry.objects.filter(pk=repository.registry_id).update(host=host, kind=kind)
    with pytest.raises(Refused, match=f"{host} lets nobody delete a tag through the registry's API. .*{where}"):
        ask_deletion(wendy, Repository.objects.get(pk=repository.pk), "latest")


def test_a_tag_that_moved_between_the_look_and_the_deletion_is_left_alone(repository, two, pusher, wendy):
    deletion = ask_deletion(wendy, repository, "latest")
    pushed(pusher, repository, "latest")
    assert after_turn(deletion).state == "left"
    assert deletion.sentence == "`latest` was left alone: it points to build #3 meanwhile."
    assert tags_of(pusher) == {"build-1", "build-2", "build-3", "latest"}


def test_a_tag_that_somebody_pushed_past_imageyard_is_left_alone(repository, two, pusher, wendy):
    deletion = ask_deletion(wendy, repository, "latest")
    other = make_image("by hand")
    pusher.image(other, "latest")
    assert after_turn(deletion).state == "left"
    assert other.manifest.digest[7:19] in deletion.sentence
    assert digest_of(pusher, "latest") == other.manifest.digest
    assert Tag.objects.filter(name="latest").exists()


def test_a_tag_that_was_held_meanwhile_is_left_alone(repository, two, pusher, wendy):
    deletion = ask_deletion(wendy, repository, "latest")
    Tag.objects.filter(name="latest").update(held_by="bob", held_since=timezone.now())
    assert after_turn(deletion).sentence == "`latest` is not deleted: it is held by bob. Release it first."
    assert (deletion.state, "latest" in tags_of(pusher)) == ("left", True)


def test_what_the_registry_lost_already_is_written_down(repository, two, pusher, wendy):
    """A crash between the registry and the rows, or somebody who deleted it past Imageyard."""
    pusher.http.delete(f"{pusher.base}/manifests/{two[0].digest}").raise_for_status()
    assert after_turn(ask_deletion(wendy, repository, "build-1")).state == "done"
    assert rows(repository) == {"build-2", "latest"}


def test_a_build_that_is_putting_the_same_tag_comes_first(repository, two, pusher, wendy):
    busy = Build.objects.filter(pk=two[1].pk)
    busy.update(state="publishing", publication={"digest": "d", "tags": ["latest"]})
    deletion = after_turn(ask_deletion(wendy, repository, "latest"))
    assert (deletion.state, deletion.turns) == ("asked", 0)
    assert deletion.sentence == "Build #2 is about to put `latest`; this comes right after it."
    busy.update(state="succeeded", publication={})
    TagDeletion.objects.update(not_before=timezone.now())
    assert after_turn(deletion).state == "done"


def test_it_waits_for_the_publish_lock(repository, two, pusher, wendy):
    deletion = ask_deletion(wendy, repository, "latest")
    with publish_lock(repository.pk):
        assert after_turn(deletion).sentence.startswith("A build is putting its tags, and none goes meanwhile")
    assert "latest" in tags_of(pusher)
    TagDeletion.objects.update(not_before=timezone.now())
    assert after_turn(deletion).state == "done"


def test_an_order_for_the_same_tag_keeps_the_deletion_away(repository, two, wendy):
    ask_tag(wendy, repository, "latest", find_target(repository, build=1))
    with pytest.raises(Refused, match="somebody is moving it at this moment"):
        ask_deletion(wendy, repository, "latest")


def before_the_look(monkeypatch):
    monkeypatch.setattr(pipeline, "check_deletion", die)


def before_anything_is_changed(monkeypatch):
    monkeypatch.setattr(pipeline, "take_tag_away", die)


def after_the_stand_in(monkeypatch):
    put = RegistryClient.put_manifest
    monkeypatch.setattr(RegistryClient, "put_manifest", lambda *args: (put(*args), die()))


def after_the_deletion(monkeypatch):
    monkeypatch.setattr(pipeline, "finish_deletion", die)


def in_the_last_transaction(monkeypatch):
    monkeypatch.setattr(actions, "record_deletion", die)


@pytest.mark.parametrize(
    "point",
    [before_the_look, before_anything_is_changed, after_the_stand_in, after_the_deletion, in_the_last_transaction],
)
def test_a_worker_that_dies_is_followed_by_one_that_finishes(repository, two, pusher, wendy, monkeypatch, rings, point):
    deletion = ask_deletion(wendy, repository, "latest")
    with monkeypatch.context() as patched, pytest.raises(Killed):
        point(patched)
        pipeline.delete_tags()
    deletion.refresh_from_db()
    assert deletion.state == "doing"
    assert take_deletion() is None  # as long as the lease lasts
    later(deletion)
    assert after_turn(deletion).state == "done"
    assert rows(repository) == tags_of(pusher) == {"build-1", "build-2"}
    assert TagMove.objects.filter(tag="latest", kind="delete").count() == 1
    assert digest_of(pusher, "build-2") == two[1].digest


@pytest.mark.parametrize("state", ["stand-in", "gone"])
def test_a_tag_that_is_to_stay_after_all_is_given_back_what_a_dead_worker_took(repository, two, pusher, wendy, state):
    deletion = ask_deletion(wendy, repository, "build-1")
    take_deletion()
    manifest = make_image(f"image of {repository} 1").manifest
    stand = stand_in(manifest, deletion.mark)
    pusher.manifest(stand, "build-1")
    if state == "gone":
        pusher.http.delete(f"{pusher.base}/manifests/{stand.digest}").raise_for_status()
    later(deletion)
    Tag.objects.filter(name="build-1").update(held_by="bob", held_since=timezone.now())
    assert after_turn(deletion).state == "left"
    assert digest_of(pusher, "build-1") == two[0].digest


def test_whoever_lost_the_lease_writes_nothing(repository, two, wendy):
    ask_deletion(wendy, repository, "latest")
    old = take_deletion()
    later(old)
    new = take_deletion()
    with publish_lock(repository.pk) as lock:
        assert not actions.hold_lease(old)
        assert not actions.finish_deletion(old, lock)
        assert Tag.objects.filter(name="latest").exists()
        assert actions.finish_deletion(new, lock)


def test_a_lost_bell_costs_a_tick(repository, two, wendy, rings, django_capture_on_commit_callbacks):
    ask_deletion(wendy, repository, "latest")
    with django_capture_on_commit_callbacks(execute=True):
        ring_for_deletions(timezone.now() + timedelta(seconds=1))
    assert rings.count("builds.delete_tags") == 1


@pytest.fixture
def faulty(repository, rings, settings, tmp_path, monkeypatch):
    """A registry that misbehaves by the name of the namespace."""
    from functools import partial

    from registry import opening

    settings.HOME = tmp_path
    monkeypatch.setattr(opening, "RegistryClient", partial(RegistryClient, wait=lambda _s: None), raising=False)
    monkeypatch.setattr(
        pipeline, "open_client", lambda registry: RegistryClient(registry.host, "http", wait=lambda _s: None)
    )
    with fake_registry() as server:
        Registry.objects.filter(pk=repository.registry_id).update(host=server.host, scheme="http")

        def named(namespace: str) -> Repository:
            repository.namespace.name = namespace
            repository.namespace.save()
            image = make_image()
            for reference in ("latest", image.manifest.digest):
                server.state.manifests[repository.path, reference] = (image.manifest.media_type, image.manifest.body)
            Tag.objects.create(repository=repository, name="latest", digest=image.manifest.digest)
            return Repository.objects.get(pk=repository.pk)

        named.server = server
        yield named


def test_a_registry_that_refuses_ends_it_with_its_own_words(faulty, wendy):
    repository = faulty("denied")
    deletion = after_turn(ask_deletion(wendy, repository, "latest"))
    assert deletion.state == "failed"
    assert deletion.sentence.startswith(f"{faulty.server.host} refused the deletion of denied/web:latest")
    assert deletion.sentence.endswith("`latest` is still there.")
    assert Tag.objects.filter(name="latest").exists()


def test_a_registry_that_fails_is_asked_again_five_times(faulty, wendy):
    repository = faulty("html")
    deletion = ask_deletion(wendy, repository, "latest")
    for turn in range(1, 6):
        TagDeletion.objects.update(not_before=timezone.now())
        after_turn(deletion)
        assert (deletion.state, deletion.turns) == ("failed" if turn == 5 else "asked", turn)
    assert "Bad Gateway" in deletion.sentence
    assert Tag.objects.filter(name="latest").exists()


def test_a_registry_that_deletes_nothing_is_named(faulty, wendy, monkeypatch):
    from registry.client import Deletion

    repository = faulty("acme")
    monkeypatch.setattr(RegistryClient, "delete_tag", lambda *_: Deletion.UNSUPPORTED)
    monkeypatch.setattr(RegistryClient, "delete_manifest", lambda *_: Deletion.UNSUPPORTED)
    deletion = after_turn(ask_deletion(wendy, repository, "latest"))
    assert deletion.state == "failed"
    assert deletion.sentence == (
        f"`latest` is still there: {faulty.server.host} lets nobody delete a tag through the registry's API. "
        "Delete it there, or switch deletion on in the registry."
    )


def test_a_bug_of_ours_does_not_leave_it_open(repository, two, wendy, monkeypatch):
    monkeypatch.setattr(pipeline, "take_tag_away", lambda *_args, **_more: 1 / 0)
    deletion = after_turn(ask_deletion(wendy, repository, "latest"))
    assert (deletion.state, "ZeroDivisionError" in deletion.sentence) == ("failed", True)
