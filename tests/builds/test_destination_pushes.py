"""Copies of a build's image to further registries: none loses the build, all tags there or none, none goes back."""

from __future__ import annotations

import uuid

import pytest
from django.db import transaction
from django.utils import timezone

from builds.actions.destination_pushes import MOST_TURNS, ask_again, ask_destination_pushes, ring_for_pushes, take_push
from builds.core.states import State
from builds.models import DestinationPush
from builds.pipeline import destination_pushes as pipeline
from builds.pipeline.destination_pushes import push_to_destinations
from lib.refusal import Refused
from registry.actions import TagPut, record_tags
from registry.actions.locks import TURN_FOR, destination_turn
from registry.client import RegistryClient
from registry.core.patience import Patience
from registry.models import Destination, Registry, Tag
from registry.opening import open_client
from tests.factories import make_admin, make_build, make_repository, make_rule, make_source
from tests.fake_registry import FakeRegistry, fake_registry
from tests.images import Pusher, make_image

pytestmark = [pytest.mark.django_db, pytest.mark.engine]
STATES = DestinationPush.State


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    """Registries that fail are asked twice, not for a minute."""
    soon = Patience(attempts=2, total_s=5.0, base_s=0.01)
    monkeypatch.setattr(pipeline, "open_client", lambda registry, wait: open_client(registry, patience=soon))


@pytest.fixture
def fake():
    with fake_registry(auth="bearer") as server:
        yield server


class Yard:
    """A repository whose main registry is real, and whose destination is `fake`."""

    def __init__(self, host: str, fake: FakeRegistry) -> None:
        self.main = Registry.objects.create(name="main", host=host, scheme="http")
        self.registry = Registry.objects.create(
            name="there", host=fake.host, scheme="http", username="bot", password="secret-of-bot"
        )
        self.path = f"acme/t{uuid.uuid4().hex[:10]}"
        self.repository = make_repository(self.path)
        self.repository.registry = self.main
        self.repository.save()
        self.rule = make_rule(make_source(self.repository))
        self.to = Destination.objects.create(
            repository=self.repository, registry=self.registry, remote_path="example-org/web"
        )
        self.fake, self.host = fake, host

    def succeed(self, text: str, *tags: str):
        """A build that has just succeeded, with its image in the main registry."""
        image, build = make_image(text), make_build(self.rule)
        names = [build.build_tag, *tags]
        pusher = Pusher(self.host, self.path)
        for name in names:
            pusher.image(image, name)
        pusher.close()
        build.state, build.digest = State.SUCCEEDED, image.manifest.digest
        build.save()
        puts = [TagPut(name, moved=True, sentence="") for name in names]
        with transaction.atomic():
            record_tags(
                self.repository, puts, digest=build.digest, media_type="", size_bytes=1, build_number=build.number
            )
            ask_destination_pushes(build, names, build.digest)
        return build

    def tags(self) -> dict[str, str]:
        with RegistryClient(self.fake.host, "http", "bot", "secret-of-bot") as client:
            return {tag: client.head("example-org/web", tag) or "" for tag in client.tags("example-org/web")}


@pytest.fixture
def yard(registry_host: str, fake: FakeRegistry) -> Yard:
    return Yard(registry_host, fake)


def run() -> None:
    DestinationPush.objects.filter(state=STATES.ASKED).update(not_before=timezone.now())
    push_to_destinations("w1")


def pushes() -> list[DestinationPush]:
    return list(DestinationPush.objects.order_by("pk"))


def test_an_image_is_there_bit_for_bit_under_all_tags(yard: Yard) -> None:
    build = yard.succeed("one", "latest", "1.0")
    run()
    (push,) = pushes()
    assert (push.state, push.sentence) == (
        STATES.DONE,
        f"{yard.fake.host} has the image, under `{build.build_tag}`, `latest` and `1.0`.",
    )
    assert yard.tags() == dict.fromkeys([build.build_tag, "latest", "1.0"], build.digest)
    yard.registry.refresh_from_db()
    assert yard.registry.last_used_at is not None


def test_a_destination_that_refuses_ends_its_copy_alone_with_a_sentence(yard: Yard) -> None:
    yard.fake.state.may_push = False
    build = yard.succeed("one", "latest")
    run()
    (push,) = pushes()
    assert push.state == STATES.FAILED
    assert "the account `bot` may not write there" in push.sentence
    build.refresh_from_db()
    assert build.state == State.SUCCEEDED
    yard.registry.refresh_from_db()
    assert "may not write there" in yard.registry.last_error


def test_pushing_again_copies_from_the_main_registry(yard: Yard) -> None:
    yard.fake.state.may_push = False
    build = yard.succeed("one", "latest")
    run()
    yard.fake.state.may_push = True
    ask_again(make_admin(), pushes()[0])
    run()
    (push,) = pushes()
    assert (push.state, push.by) == (STATES.DONE, "admin")
    assert yard.tags()["latest"] == build.digest


def test_one_that_dies_in_the_middle_is_tried_again_by_itself(yard: Yard, fake: FakeRegistry) -> None:
    build = yard.succeed("one", "latest")
    fake.state.put_faults["latest"] = [500] * 12
    run()
    (push,) = pushes()
    assert push.state == STATES.ASKED
    assert "It is tried again by itself (2 of 6)." in push.sentence
    assert "latest" not in yard.tags()
    fake.state.put_faults.clear()
    run()
    assert pushes()[0].state == STATES.DONE
    assert yard.tags()["latest"] == build.digest


def test_all_tags_appear_there_together_or_none_does(yard: Yard, fake: FakeRegistry) -> None:
    first = yard.succeed("one", "latest", "1.0")
    run()
    fake.state.refuse_tags = {"1.0"}
    yard.succeed("two", "latest", "1.0")
    run()
    assert pushes()[1].state == STATES.FAILED
    assert yard.tags()["latest"] == first.digest
    assert yard.tags()["1.0"] == first.digest


def test_it_gives_up_after_its_turns(yard: Yard, fake: FakeRegistry) -> None:
    yard.succeed("one", "latest")
    Registry.objects.filter(pk=yard.registry.pk).update(host="127.0.0.1:1")
    DestinationPush.objects.update(turns=MOST_TURNS - 1)
    run()
    (push,) = pushes()
    assert push.state == STATES.FAILED
    assert "It was tried 6 times." in push.sentence


def test_a_floating_tag_does_not_go_back_there_by_a_copy_that_comes_late(yard: Yard) -> None:
    """4.6 at every destination: what has moved on here is not moved there by the copy of an older build."""
    old = yard.succeed("one", "latest")
    new = yard.succeed("two", "latest")
    DestinationPush.objects.filter(build=old).update(not_before=timezone.now() + timezone.timedelta(hours=1))
    push_to_destinations("w1")
    assert yard.tags()["latest"] == new.digest
    run()
    late = DestinationPush.objects.get(build=old)
    assert late.state == STATES.DONE
    assert late.not_moved == [f"`latest` was not moved at {yard.fake.host}: it points to build #2 here meanwhile."]
    assert yard.tags() == {"latest": new.digest, "build-1": old.digest, "build-2": new.digest}


def test_a_tag_that_is_gone_here_is_not_made_there(yard: Yard) -> None:
    build = yard.succeed("one", "latest")
    Tag.objects.filter(name="latest").delete()
    run()
    assert yard.tags() == {build.build_tag: build.digest}
    assert "it is no longer there" in pushes()[0].not_moved[0]


def test_a_worker_that_died_leaves_the_copy_to_the_next_one(yard: Yard) -> None:
    yard.succeed("one", "latest")
    taken = take_push()
    assert taken is not None
    assert take_push() is None
    DestinationPush.objects.update(lease_until=timezone.now() - timezone.timedelta(seconds=1))
    run()
    assert pushes()[0].state == STATES.DONE
    assert pushes()[0].turns == 2


def test_who_lost_the_lease_writes_nothing(yard: Yard, monkeypatch) -> None:
    yard.succeed("one", "latest")
    real = pipeline.copy_image

    def slow(*args, **kwargs):
        found = real(*args, **kwargs)
        DestinationPush.objects.update(lease_until=timezone.now() + timezone.timedelta(hours=1), turns=9)
        return found

    monkeypatch.setattr(pipeline, "copy_image", slow)
    run()
    (push,) = pushes()
    assert (push.state, push.turns) == (STATES.DOING, 9)
    assert yard.tags() == {}


def test_two_copies_never_move_tags_there_at_once(yard: Yard) -> None:
    yard.succeed("one", "latest")
    with destination_turn(yard.to.pk) as turn:
        assert turn.renew()
        with pytest.raises(TimeoutError), destination_turn(yard.to.pk, wait_s=0, wait=lambda _: None):
            pass
    yard.to.refresh_from_db()
    assert yard.to.turn == ""


def test_a_turn_whose_holder_died_ends_by_itself(yard: Yard) -> None:
    Destination.objects.update(turn="dead", turn_until=timezone.now() - TURN_FOR)
    with destination_turn(yard.to.pk, wait_s=0) as turn:
        assert turn.renew()


def test_what_is_switched_off_gets_nothing(yard: Yard) -> None:
    Destination.objects.update(is_on=False)
    yard.succeed("one", "latest")
    assert pushes() == []


def test_one_that_was_removed_says_so(yard: Yard) -> None:
    yard.succeed("one", "latest")
    yard.to.delete()
    run()
    assert "is not copied to" in pushes()[0].sentence
    with pytest.raises(Refused, match="not copied to"):
        ask_again(make_admin(), pushes()[0])


def test_the_image_that_is_gone_from_the_main_registry_is_named(yard: Yard) -> None:
    yard.succeed("one", "latest")
    DestinationPush.objects.update(digest=f"sha256:{'0' * 64}")
    run()
    assert "no longer in the main registry" in pushes()[0].sentence
    assert "Build the commit of build #1 again." in pushes()[0].sentence


def test_asking_twice_is_one_copy(yard: Yard) -> None:
    yard.succeed("one", "latest")
    with pytest.raises(Refused, match="on its way"):
        ask_again(make_admin(), pushes()[0])
    run()
    before = len(yard.fake.state.asked)
    push_to_destinations("w1")
    assert len(yard.fake.state.asked) == before


def test_a_ring_that_was_lost_is_repeated(yard: Yard, monkeypatch) -> None:
    yard.succeed("one", "latest")
    rung: list[str] = []
    monkeypatch.setattr("builds.actions.destination_pushes.enqueue", lambda name, **_: rung.append(name))
    ring_for_pushes(timezone.now() + timezone.timedelta(seconds=1))
    assert rung == ["builds.push_to_destinations"]
    run()
    ring_for_pushes(timezone.now() + timezone.timedelta(hours=1))
    assert len(rung) == 1
