"""Point 2: what people push and delete past Imageyard: the registry is the truth, the history all that was told."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from lib.clock import database_now
from registry.actions import TagPut, publish_lock, record_tags
from registry.actions.told import forget_told, ring_for_told, take_events, take_told
from registry.errands import told as errand
from registry.errands.facts import read_facts
from registry.models import RegistryEvent, Repository, Tag, TagComparison, TagMove, TagNews
from tests.registry.notifications.told import ago, event, open_events, pushed, tell

pytestmark = pytest.mark.django_db


def history(tag: str = "latest") -> list[tuple[str, str, str]]:
    """Newest first: kind, by whom, where to."""
    return [(move.kind, move.by, move.to_digest) for move in TagMove.objects.filter(tag=tag)]


def by_build(repository: Repository, digest: str, number: int, *tags: str) -> None:
    puts = [TagPut(tag, moved=True, sentence="") for tag in tags]
    record_tags(repository, puts, digest=digest, media_type="m", size_bytes=7, build_number=number)


def test_a_push_by_hand_appears_with_its_image(repository, has, rings, django_capture_on_commit_callbacks):
    manifest = has("latest", image="one")
    with django_capture_on_commit_callbacks(execute=True):
        assert take_told([pushed(manifest)], timezone.now()) == 1
    assert rings == ["registry.look_at_told"]
    errand.look_at_told()
    tag = Tag.objects.get()
    assert (tag.name, tag.digest, tag.build_number, tag.media_type) == (
        "latest",
        manifest.digest,
        None,
        manifest.media_type,
    )
    move = TagMove.objects.get()
    assert (move.kind, move.by, move.sentence) == ("push", "wendy", "Pushed by wendy past Imageyard.")
    assert (move.from_digest, move.to_digest, move.build_number) == ("", manifest.digest, None)
    assert TagNews.objects.get().digest == manifest.digest
    read_facts()
    tag.refresh_from_db()
    assert tag.size_bytes > 0 and tag.facts_due_at is None
    assert open_events() == []


def test_the_same_event_again_is_one_line(repository, has):
    """The registry delivers at least once."""
    told = pushed(has("latest", image="one"))
    assert tell(told) == tell(told) == 1
    tell(told, told)
    assert len(history()) == RegistryEvent.objects.count() == 1


def test_an_old_event_never_moves_a_row_back(repository, has):
    """Out of order: the newer one first, then the older; the history has both at their times."""
    one, two = has("latest", image="one"), has("latest", image="two")
    tell(pushed(two, at=ago(10)))
    tell(pushed(one, at=ago(60), actor="bob"))
    assert Tag.objects.get().digest == two.digest
    assert history() == [("push", "wendy", two.digest), ("push", "bob", one.digest)]


def test_an_old_event_does_not_touch_what_a_build_did_since(repository, has):
    """A push whose notification was late by an hour, and a build that moved the tag meanwhile."""
    one, two = has("latest", image="one"), has("latest", image="two")
    by_build(repository, two.digest, 41, "latest")
    tell(pushed(one, at=ago(3600)))
    tag = Tag.objects.get()
    assert (tag.digest, tag.build_number) == (two.digest, 41)
    assert history() == [("build", "", two.digest), ("push", "wendy", one.digest)]


@pytest.mark.parametrize("actor", ["build:7", "imageyard"])
def test_a_push_of_a_build_is_no_second_row_whichever_is_first(repository, has, actor):
    """The notification before `record_tags`, and after it."""
    one, two = has("latest", image="one"), has("latest", image="two")
    assert tell(pushed(one, actor=actor)) == 0
    by_build(repository, two.digest, 7, "latest")
    assert tell(pushed(two, actor=actor)) == 0
    assert history() == [("build", "", two.digest)]
    assert Tag.objects.get().build_number == 7


def test_a_push_by_hand_while_a_build_puts_its_tags_waits_for_it(repository, has, monkeypatch):
    """A build holds the lock between putting a tag and writing it down: the look comes after it, and is not counted."""
    monkeypatch.setattr(errand, "LOCK_WAIT_S", 0.2)
    by_hand = has("latest", image="by hand")
    of_build = has("latest", image="build")  # the registry has the build's image now
    with publish_lock(repository.pk) as lock:
        tell(pushed(by_hand, at=ago(5)))
        (waiting,) = open_events()
        assert waiting.sentence == "A build is putting its tags; this comes right after it."
        assert waiting.turns == 0 and not Tag.objects.exists()
        by_build(repository, of_build.digest, 9, "latest")
        assert lock.renew()
    RegistryEvent.objects.update(not_before=timezone.now())
    errand.look_at_told()
    tag = Tag.objects.get()
    assert (tag.digest, tag.build_number) == (of_build.digest, 9)
    assert history() == [("build", "", of_build.digest), ("push", "wendy", by_hand.digest)]


def test_two_pushes_of_one_tag_at_once_end_at_what_the_registry_has(repository, has):
    """Point 7: both succeed at the registry; the history has both, the row the one that is there."""
    one, two = has(image="one"), has(image="two")
    has("latest", image="one")
    at = ago(3)
    tell(pushed(two, at=at, actor="bob"), pushed(one, at=at))
    assert Tag.objects.get().digest == one.digest
    assert sorted(history()) == sorted([("push", "bob", two.digest), ("push", "wendy", one.digest)])


def test_a_registry_that_is_ahead_of_what_it_told_is_believed(repository, has):
    """The event of the second push is still on its way: the row is right at once, the line comes with the event."""
    one, two = has("latest", image="one"), has("latest", image="two")
    tell(pushed(one, at=ago(5)))
    assert Tag.objects.get().digest == two.digest
    assert history() == [("push", "wendy", one.digest)]
    tell(pushed(two, at=ago(4), actor="bob"))
    RegistryEvent.objects.update(not_before=timezone.now())
    errand.look_at_told()
    assert history() == [("push", "bob", two.digest), ("push", "wendy", one.digest)]
    assert open_events() == []


def test_what_nobody_ever_tells_is_said_in_the_end(repository, has):
    """The same, but the second event is lost: after three looks the line says how it was found."""
    one, two = has("latest", image="one"), has("latest", image="two")
    tell(pushed(one, at=ago(5)))
    for _ in range(2):
        RegistryEvent.objects.update(not_before=timezone.now())
        errand.look_at_told()
    assert open_events() == [] and Tag.objects.get().digest == two.digest
    newest = TagMove.objects.first()
    assert newest.to_digest == two.digest and newest.by == ""
    assert newest.sentence.startswith("Found by comparing with the registry: it pointed to `")


def test_a_tag_that_was_held_says_so(repository, has):
    one, two = has("latest", image="one"), has("latest", image="two")
    by_build(repository, one.digest, 41, "latest")
    Tag.objects.update(held_by="alice", held_since=timezone.now())
    tell(pushed(two))
    assert TagMove.objects.first().sentence == (
        "Pushed by wendy past Imageyard. It was held at build #41 by alice; it is held where it is now."
    )
    tag = Tag.objects.get()
    assert (tag.digest, tag.build_number, tag.held_by, tag.size_bytes) == (two.digest, None, "alice", None)


def test_a_tag_that_never_moves_says_so(repository, has):
    Repository.objects.update(fixed_tags=r"/^\d/")
    one, two = has("1.2", image="one"), has("1.2", image="two")
    tell(pushed(one, "1.2", at=ago(9)))
    assert TagMove.objects.first().sentence == "Pushed by wendy past Imageyard."
    tell(pushed(two, "1.2"))
    assert TagMove.objects.first().sentence == (
        r"Pushed by wendy past Imageyard. Tags that match `/^\d/` never move in this repository, which only Imageyard "
        "keeps to."
    )


def test_somebody_who_did_not_log_in_is_named_so(repository, has):
    tell(pushed(has("latest", image="one"), actor=""))
    assert TagMove.objects.get().sentence == "Pushed by somebody who did not log in past Imageyard."


def test_a_deleted_tag_goes_with_a_line(repository, has):
    one = has("latest", image="one")
    by_build(repository, one.digest, 41, "latest", "build-41")
    has("latest", image=None)
    tell(event("delete"))
    assert [tag.name for tag in Tag.objects.all()] == ["build-41"]
    move = TagMove.objects.filter(tag="latest").first()
    assert (move.kind, move.by, move.from_digest, move.to_digest) == ("delete", "wendy", one.digest, "")
    assert move.sentence == "Deleted by wendy past Imageyard; it pointed to build #41."
    assert TagNews.objects.get().digest == ""


def test_a_deleted_digest_takes_every_tag_of_it(repository, has):
    """Distribution 2.8 tells of the digest first, then of each tag: one line for each."""
    one, two = has("latest", "1.0", image="one"), has("2.0", image="two")
    by_build(repository, one.digest, 1, "latest", "1.0")
    by_build(repository, two.digest, 2, "2.0")
    has("latest", "1.0", one.digest, image=None)
    at = timezone.now()
    tell(event("delete", "", digest=one.digest, at=at), event("delete", "latest", at=at), event("delete", "1.0", at=at))
    assert [tag.name for tag in Tag.objects.all()] == ["2.0"]
    for name in ("latest", "1.0"):
        assert [kind for kind, _, _ in history(name)] == ["delete", "build"]
    assert open_events() == []


def test_a_deletion_that_was_overtaken_takes_nothing(repository, has):
    """Deleted and pushed again; the deletion is told last."""
    one = has("latest", image="one")
    by_build(repository, one.digest, 1, "latest")
    tell(event("delete", at=timezone.now()))
    assert Tag.objects.get().digest == one.digest
    assert [kind for kind, _, _ in history()] == ["delete", "build"]


def test_deletions_by_imageyard_are_written_where_they_are_made(repository, has):
    one = has("latest", image="one")
    by_build(repository, one.digest, 1, "latest")
    has("latest", image=None)
    assert tell(event("delete", actor="imageyard")) == 0
    assert Tag.objects.exists()


def test_what_is_no_repository_of_ours_is_left_alone(repository, has):
    """Of another registry too, and by a name that is nobody's."""
    manifest = has("latest", image="one", path="other/thing")
    assert tell(pushed(manifest, repository="other/thing"), pushed(manifest, repository="lonely")) == 0
    Repository.objects.update(remote_path="moved/web")
    assert tell(pushed(manifest)) == 0
    assert tell(pushed(has("latest", image="one", path="moved/web"), repository="moved/web")) == 1


def test_a_registry_that_is_away_is_asked_again_and_given_up_after_a_day(repository, has, fake):
    told = pushed(has("latest", image="one"))
    fake.state.steps["manifest head"] = [500] * 20
    tell(told)
    (waiting,) = open_events()
    assert waiting.turns == 1 and waiting.not_before > timezone.now() and fake.host in waiting.sentence
    assert take_events() == []
    RegistryEvent.objects.update(not_before=timezone.now(), received_at=ago(25 * 3600))
    errand.look_at_told()
    assert open_events() == []
    assert RegistryEvent.objects.get().sentence.startswith("Given up after a day. ")
    assert TagComparison.objects.get().due_at <= database_now()


def test_a_lost_ring_or_worker_costs_a_tick_or_two(repository, has, rings, django_capture_on_commit_callbacks):
    take_told([pushed(has("latest", image="one"))], timezone.now())
    assert len(take_events()) == 1  # by a worker that dies now
    rings.clear()
    with django_capture_on_commit_callbacks(execute=True):
        ring_for_told(timezone.now())
    assert rings == []
    with django_capture_on_commit_callbacks(execute=True):
        ring_for_told(timezone.now() + timedelta(minutes=3))
    assert rings == ["registry.look_at_told"]
    RegistryEvent.objects.update(not_before=timezone.now())
    errand.look_at_told()
    assert Tag.objects.exists()


def test_what_was_looked_at_is_forgotten_after_two_weeks(repository, has):
    tell(pushed(has("latest", image="one")))
    forget_told(timezone.now() + timedelta(days=13))
    assert RegistryEvent.objects.exists()
    forget_told(timezone.now() + timedelta(days=15))
    assert not RegistryEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_workers_write_a_push_down_once(repository, has):
    told = pushed(has("latest", image="one"))
    take_told([told], timezone.now())

    def look() -> None:
        try:
            errand.look_at_told()
        finally:
            connection.close()

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(history()) == 1 and open_events() == []
