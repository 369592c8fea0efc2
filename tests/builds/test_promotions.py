"""Promoting an image to another repository, here or at another registry: copied, tagged, told, and taken back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from accounts.models import AuditEntry, Namespace
from builds.actions import tag_turns
from builds.actions.fixed_tags import set_fixed_tags
from builds.actions.tag_orders import ask_tag, find_elsewhere, find_target
from builds.actions.tag_turns import ring_for_orders, take_order
from builds.models import Build, TagOrder
from builds.pipeline import promotions
from builds.pipeline import tag_orders as pipeline
from lib.clock import database_now
from lib.refusal import Refused
from registry.actions import publish_lock
from registry.client import put_tags
from registry.models import Quota, Registry, Repository, Tag, TagMove
from registry.opening import open_client
from tests.builds.tag_orders import at, digest_in
from tests.factories import make_build, make_rule, make_source, make_user
from tests.fake_registry import FakeRegistry, fake_registry
from tests.images import Image, make_image, sha256
from tests.registry.copying import has, make_artifact, put, put_manifest

pytestmark = pytest.mark.django_db
NO_WAIT = {"wait": lambda _s: None}


@pytest.fixture
def fake(repository, rings, settings, tmp_path, monkeypatch) -> Iterator[FakeRegistry]:
    """The registry of `acme/web`."""
    settings.HOME = tmp_path
    monkeypatch.setattr(pipeline, "LOCK_WAIT_S", 0.2)
    monkeypatch.setattr(pipeline, "open_client", lambda registry: open_client(registry, **NO_WAIT))
    monkeypatch.setattr(pipeline, "put_tags", partial(put_tags, wait_back=lambda _s: None))
    monkeypatch.setattr(promotions, "_wait", lambda stop, _seconds: stop.check())
    with fake_registry(is_strict=True) as server:
        Registry.objects.filter(pk=repository.registry_id).update(host=server.host, scheme="http")
        repository.refresh_from_db()
        yield server


@pytest.fixture
def prod(repository, fake) -> Repository:
    """`acme/prod`, in the same registry."""
    return Repository.objects.create(namespace=repository.namespace, name="prod", registry=repository.registry)


@pytest.fixture
def away(repository) -> Iterator[FakeRegistry]:
    """The registry of another repository, `shop/web`."""
    with fake_registry(is_strict=True) as server:
        registry = Registry.objects.create(name="away", host=server.host, scheme="http")
        Repository.objects.create(namespace=Namespace.objects.create(name="shop"), name="web", registry=registry)
        yield server


@pytest.fixture
def shop(away) -> Repository:
    return Repository.objects.get(name="web", namespace__name="shop")


@pytest.fixture
def build(repository, fake) -> Build:
    """Build #1 of `acme/web`, with its image in the registry."""
    return built(repository, fake, "one")


def image_of(text: str) -> Image:
    return make_image(text)


def built(repository: Repository, fake: FakeRegistry, text: str) -> Build:
    digest = put(fake, repository.path, image_of(text))
    made = make_build(make_rule(make_source(repository)), state="succeeded")
    Build.objects.filter(pk=made.pk).update(digest=digest, size_bytes=1234)
    made.refresh_from_db()
    return made


def ask(build: Build, target: Repository, tag: str, **more) -> TagOrder:
    found = find_elsewhere(target, build.repository, build=build.number)
    return ask_tag(make_user("wendy"), target, tag, found, **more)


def done(order: TagOrder) -> TagOrder:
    TagOrder.objects.update(not_before=database_now())
    promotions.copy_images("w1")
    order.refresh_from_db()
    return order


def short(build: Build) -> str:
    return f"`sha256:{build.digest[7:19]}`"


def test_a_build_is_promoted_to_another_repository(build, prod, fake, rings, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        order = ask(build, prod, "1.2")
    assert (order.state, order.kind, rings[-1]) == ("asked", "promote", "builds.copy_images")
    assert done(order).sentence == f"`1.2` was promoted from acme/web build #1 ({short(build)}) by wendy."
    assert has(fake, "acme/prod", image_of("one"))
    assert digest_in(fake, prod, "1.2") == build.digest
    assert fake.state.count("PUT", "/blobs/") == 0
    assert order.bytes_done == order.bytes_total == sum(len(body) for body in image_of("one").blobs.values())


def test_and_to_another_registry(build, shop, away):
    order = ask(build, shop, "1.2")
    assert done(order).state == "done"
    assert has(away, "shop/web", image_of("one"))
    assert digest_in(away, shop, "1.2") == build.digest


def test_history_says_where_it_came_from_and_no_build_of_the_target_is_named(build, prod):
    done(ask(build, prod, "1.2"))
    tag, move = Tag.objects.get(repository=prod), TagMove.objects.get(repository=prod)
    assert (tag.build_number, tag.size_bytes, tag.digest) == (None, 1234, build.digest)
    assert (move.kind, move.by, move.build_number) == ("promote", "wendy", None)
    assert (move.origin, move.origin_path, move.origin_build) == (build.repository, "acme/web", 1)
    entry = AuditEntry.objects.get(action="tag.promote")
    assert (entry.actor.username, entry.target) == ("wendy", "acme/prod")
    assert entry.detail == f"1.2: nothing → acme/web build #1 ({short(build)})"


def test_it_is_taken_back_to_what_the_tag_was(build, prod, repository, fake):
    first = built(repository, fake, "two")
    done(ask(build, prod, "latest"))
    order = done(ask(first, prod, "latest"))
    was = f"Before, it was at acme/web build #1 ({short(build)})."
    assert order.sentence == f"`latest` was promoted from acme/web build #2 ({short(first)}) by wendy. {was}"
    back = ask_tag(make_user("wendy"), prod, "latest", find_target(prod, digest=build.digest))
    pipeline.move_tags()
    back.refresh_from_db()
    assert back.sentence == (
        f"`latest` was rolled back from acme/web build #2 ({short(first)}) "
        f"to acme/web build #1 ({short(build)}) by wendy."
    )
    assert digest_in(fake, prod, "latest") == build.digest
    assert TagMove.objects.filter(repository=prod).first().origin_build == 1


def test_a_digest_of_the_history_is_promoted_too(build, prod, repository, fake):
    digest = put(fake, repository.path, image_of("by hand"))
    TagMove.objects.create(repository=repository, tag="latest", to_digest=digest)
    target = find_elsewhere(prod, repository, digest=digest)
    order = done(ask_tag(make_user("wendy"), prod, "hand", target))
    assert order.sentence == f"`hand` was promoted from `sha256:{digest[7:19]}` of acme/web by wendy."


def test_what_its_own_repository_has_is_no_promotion(build, repository):
    assert find_elsewhere(repository, repository, build=1) == find_target(repository, build=1)


def test_asking_twice_is_one_order_and_it_is_harmless_to_promote_again(build, prod):
    first = ask(build, prod, "latest")
    assert ask(build, prod, "latest").pk == first.pk
    done(first)
    again = done(ask(build, prod, "latest"))
    assert again.sentence == f"`latest` is at acme/web build #1 ({short(build)}), as it was; wendy asked for it."
    assert TagMove.objects.filter(repository=prod).count() == 1


def test_two_promotions_of_one_tag_at_once(build, prod, repository, fake):
    other = built(repository, fake, "two")
    ask(build, prod, "latest")
    said = rf"wendy is moving `latest` to acme/web build #1 \({short(build)}\) at this moment\. Wait until it is done\."
    with pytest.raises(Refused, match=said):
        ask(other, prod, "latest")


def test_fixed_tags_of_the_target_are_respected_when_asked_and_when_put(build, prod, repository, fake):
    set_fixed_tags(make_user("alice"), prod, r"/^\d/")
    done(ask(build, prod, "1.0"))
    other = built(repository, fake, "two")
    said = (
        r"`1.0` was not moved: tags that match `/^\d/` never move in this repository, and this one is there and points "
        f"to acme/web build #1 ({short(build)}). Choose another tag."
    )
    with pytest.raises(Refused) as caught:
        ask(other, prod, "1.0")
    assert caught.value.sentence == said
    order = ask(other, prod, "stable")
    set_fixed_tags(make_user("alice"), prod, "stable")
    put_manifest(fake, "acme/prod", image_of("hand").manifest, "stable")
    assert done(order).sentence.startswith("`stable` was not moved: it never moves in this repository")
    assert digest_in(fake, prod, "stable") == image_of("hand").manifest.digest


@pytest.mark.parametrize("tag", ["build-7", "a/b", "-x"])
def test_tags_of_builds_and_what_is_no_tag_are_refused(build, prod, tag):
    with pytest.raises(Refused):
        ask(build, prod, tag)


def test_a_held_tag_stays_held_and_a_new_one_can_be(build, prod, repository, fake):
    done(ask(build, prod, "latest", hold=True))
    assert Tag.objects.get(repository=prod).held_by == "wendy"
    done(ask(built(repository, fake, "two"), prod, "latest"))
    assert Tag.objects.get(repository=prod).held_by == "wendy"


def test_builds_of_the_target_come_first(build, prod, fake):
    rule = make_rule(make_source(prod))
    running = make_build(rule, state="publishing", publication={"digest": "sha256:1", "tags": ["latest"]})
    order = done(ask(build, prod, "latest"))
    assert order.sentence == "Build #1 is about to put `latest`; this comes right after it."
    assert (order.state, order.turns) == ("asked", 0)
    assert has(fake, "acme/prod", image_of("one"))
    Build.objects.filter(pk=running.pk).update(state="failed")
    assert done(order).state == "done"


def test_the_next_build_of_the_target_moves_it_on(build, prod):
    """A promoted tag has no build of this repository that holds it."""
    done(ask(build, prod, "latest"))
    assert at(prod, "latest") is None


def test_no_tag_moves_outside_the_publish_lock(build, prod, fake):
    order = ask(build, prod, "latest")
    with publish_lock(prod.pk):
        assert "A build is putting its tags" in done(order).sentence
    assert ("acme/prod", "latest") not in fake.state.manifests
    assert done(order).state == "done"


def test_a_tag_that_moved_meanwhile_is_left_alone_and_nothing_is_copied(build, prod, fake):
    order = ask(build, prod, "latest")
    Tag.objects.create(repository=prod, name="latest", digest="sha256:" + "f" * 64)
    assert done(order).sentence.startswith("`latest` was not moved: it points to `sha256:ffffffffffff` meanwhile.")
    assert (order.state, fake.state.count("POST")) == ("failed", 0)


def test_a_source_that_was_deleted_is_told(build, prod, repository):
    order = ask(build, prod, "latest")
    repository.delete()
    assert done(order).sentence == (
        "acme/web was deleted, so there is nothing to promote from. `latest` was not moved."
    )


def test_a_source_that_is_deleted_in_the_middle_is_told(build, shop, fake):
    order = ask(build, shop, "latest")
    fake.state.on_step = lambda step: step == "blob get" and fake.state.owned.clear()
    assert "no longer has a part of acme/web: the" in done(order).sentence
    assert (order.state, order.source_path) == ("failed", "acme/web")


def test_a_target_that_is_deleted_in_the_middle_ends_it(build, shop):
    order = ask(build, shop, "latest")
    taken = take_order(is_copy=True)
    shop.delete()
    assert not tag_turns.keep_copying(taken, 1, 2)
    promotions.copy_images("w1")
    assert not TagOrder.objects.filter(pk=order.pk).exists()


def test_what_has_no_image_is_refused(build, prod, repository):
    failed = make_build(state="failed")
    with pytest.raises(Refused, match=r"Build #2 has no image in the registry"):
        ask(failed, prod, "latest")
    with pytest.raises(Refused, match=r"No tag of acme/web ever pointed to"):
        find_elsewhere(prod, repository, digest="sha256:" + "0" * 64)


@pytest.mark.parametrize(
    ("step", "statuses", "state", "words"),
    [
        ("upload send", [503, 503], "done", "was promoted from acme/web build #1"),
        ("manifest put", [429, 429], "done", "was promoted from acme/web build #1"),
        ("manifest put", [403] * 9, "failed", "refused the push of shop/web@sha256:"),
        (
            "upload start",
            [403] * 9,
            "failed",
            "without a user name nobody may write there. It says: no upload start today.",
        ),
        ("upload start", [503] * 99, "asked", "answered 503 Service Unavailable to the push of shop/web."),
    ],
)
def test_a_registry_that_refuses_in_the_middle(build, shop, away, step, statuses, state, words):
    away.state.steps[step] = list(statuses)
    order = done(ask(build, shop, "latest"))
    assert (order.state, words in order.sentence) == (state, True), order.sentence
    assert (("shop/web", "latest") in away.state.manifests) == (state == "done")


def test_it_waits_as_long_as_the_registry_says_and_gives_up_after_its_turns(build, shop, away):
    away.state.steps["upload start"] = [429] * 99
    order = ask(build, shop, "latest")
    before = database_now()
    done(order)
    assert order.state == "asked"
    assert order.not_before >= before + timedelta(seconds=9)
    TagOrder.objects.update(turns=2)
    done(order)
    assert order.not_before >= before + timedelta(seconds=39)
    TagOrder.objects.update(turns=tag_turns.MOST_TURNS - 1)
    assert done(order).state == "failed"
    assert order.sentence.endswith("`latest` was not moved.")


def test_signatures_come_along_unless_they_are_to_stay(build, shop, fake, away):
    fake.state.lists_referrers = True
    signature = make_artifact(image_of("one").manifest)
    put(fake, "acme/web", signature)
    done(ask(build, shop, "unsigned", with_referrers=False))
    assert not has(away, "shop/web", signature)
    done(ask(build, shop, "signed"))
    assert has(away, "shop/web", signature)


def test_a_signature_that_cannot_come_along_is_told(build, shop, fake):
    fake.state.lists_referrers = True
    put(fake, "acme/web", make_artifact(image_of("one").manifest))
    fake.state.owned.discard(("acme/web", sha256(b"signed")))
    order = done(ask(build, shop, "latest"))
    assert order.state == "done"
    assert "The image is there in full; what is signed of it is not: " in order.sentence
    assert TagMove.objects.get(repository=shop).sentence.endswith(" by wendy.")


@pytest.mark.parametrize("dies_in", ["_copy", "put"])
def test_a_worker_that_dies_leaves_it_to_the_next_one(
    build, shop, away, dies_in, monkeypatch, rings, django_capture_on_commit_callbacks
):
    order = ask(build, shop, "latest")
    with monkeypatch.context() as patch:
        patch.setattr(promotions, dies_in, lambda *_a, **_k: (_ for _ in ()).throw(SystemExit()))  # as kill -9
        with pytest.raises(SystemExit):
            promotions.copy_images("w1")
    assert done(order).state == "doing"  # its lease holds: nobody else takes it
    TagOrder.objects.update(lease_until=database_now() - timedelta(seconds=1))
    with django_capture_on_commit_callbacks(execute=True):
        ring_for_orders(database_now())
    assert rings == ["builds.copy_images"]
    assert done(order).state == "done"
    assert digest_in(away, shop, "latest") == build.digest
    assert TagMove.objects.filter(repository=shop).count() == 1


def test_a_worker_that_lost_its_lease_writes_nothing(build, shop):
    order = ask(build, shop, "latest")
    late = take_order(is_copy=True)
    TagOrder.objects.update(lease_until=database_now() - timedelta(seconds=1))
    take_order(is_copy=True)
    assert not tag_turns.keep_copying(late, 10, 20)
    tag_turns.fail_order(late, "late")
    order.refresh_from_db()
    assert (order.state, order.bytes_done) == ("doing", 0)


def test_copies_and_moves_do_not_wait_for_each_other(build, prod, repository):
    ask(build, prod, "latest")
    ask_tag(make_user("wendy"), repository, "stable", find_target(repository, build=1))
    assert take_order().source_path == ""
    assert take_order() is None
    assert take_order(is_copy=True).source_path == "acme/web"


def test_half_a_day_is_enough(build, prod):
    make_build(make_rule(make_source(prod)), state="publishing", publication={"digest": "sha256:1", "tags": ["latest"]})
    order = ask(build, prod, "latest")
    TagOrder.objects.update(asked_at=timezone.now() - timedelta(hours=3))
    assert done(order).state == "asked"
    TagOrder.objects.update(asked_at=timezone.now() - timedelta(hours=13))
    assert done(order).state == "failed"


def test_a_worker_that_is_to_stop_puts_it_off_uncounted(build, shop, away, monkeypatch):
    stopped = threading.Event()

    def copy(_order, stop, _progress):
        stop.set("drain")
        stopped.set()
        stop.check()

    monkeypatch.setattr(promotions, "_copy", copy)
    order = done(ask(build, shop, "latest"))
    assert stopped.is_set()
    assert (order.state, order.turns) == ("asked", 0)
    assert order.sentence == "The worker that copied it is being stopped. The next one goes on where it was."


def test_a_quota_that_is_used_up_takes_no_promotion(build, prod, fake):
    order = ask(build, prod, "latest")
    Quota.objects.create(repository=prod, limit_bytes=0)
    said = r"acme/prod takes up 0 B, and its quota is 0 B: nothing more can be pushed"
    with pytest.raises(Refused, match=said):
        ask(build, prod, "other")
    assert done(order).sentence.startswith("`latest` was not moved. acme/prod takes up 0 B, and its quota is 0 B")
    assert (order.state, fake.state.count("POST")) == ("failed", 0)


def test_a_repository_that_goes_by_another_name_at_its_registry(build, shop, away):
    Repository.objects.filter(pk=shop.pk).update(remote_path="example-org/shop")
    assert done(ask(build, shop, "1.2")).state == "done"
    assert has(away, "example-org/shop", image_of("one"))
    assert ("example-org/shop", "1.2") in away.state.manifests
    assert not any(owner == "shop/web" for owner, _ in away.state.manifests)
