"""Point 3: pulls are gathered in memory and added up; many processes add up, and a killed one loses seconds."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from registry.actions import pulls as module
from registry.actions.pulls import Flusher, PullCounts
from registry.core.manifest import OCI_MANIFEST
from registry.core.notifications import Told, read_events
from registry.models import Repository, Tag, TagMove
from tests.registry.notifications.told import PATH, ago, event

pytestmark = pytest.mark.django_db
ONE, TWO, CHILD = (f"sha256:{letter * 64}" for letter in "abc")


@pytest.fixture
def tags(repository) -> dict[str, Tag]:
    """`latest` and `1.0` at ONE, `2.0` at TWO."""
    digests = {"latest": ONE, "1.0": ONE, "2.0": TWO}
    return {
        name: Tag.objects.create(repository=repository, name=name, digest=digest) for name, digest in digests.items()
    }


def pull(tag: str = "latest", digest: str = ONE, **changed) -> Told:
    """`docker pull`, as it asks first."""
    return event("pull", tag, digest=digest, media_type=OCI_MANIFEST, is_head=True, **changed)


def counted(*told: Told) -> PullCounts:
    made = PullCounts()
    made.hear(told, timezone.now())
    assert made.flush()
    return made


def by_tag() -> dict[str, int]:
    return dict(Tag.objects.order_by("name").values_list("name", "pulls"))


def test_pulls_are_added_to_the_tag_and_its_repository(repository, tags):
    at = ago(3)
    counted(pull(), pull(at=at), pull("2.0", TWO))
    counted(pull())
    assert by_tag() == {"latest": 3, "1.0": 0, "2.0": 1}
    repository.refresh_from_db()
    assert repository.pulls == 4
    assert Tag.objects.get(name="latest").last_pulled_at > at
    assert repository.last_pulled_at is not None and Tag.objects.get(name="1.0").last_pulled_at is None


def test_an_old_pull_does_not_set_the_last_one_back(repository, tags):
    now = timezone.now()
    counted(pull(at=now))
    counted(pull(at=now - timedelta(hours=1)))
    tag = Tag.objects.get(name="latest")
    assert (tag.pulls, tag.last_pulled_at) == (2, now)


def test_a_pull_by_digest_is_of_the_one_tag_that_has_it(repository, tags):
    """Of several nobody knows which was meant: then the repository counts it, and no tag."""
    counted(pull("", TWO), pull("", ONE))
    assert by_tag() == {"latest": 0, "1.0": 0, "2.0": 1}
    assert Repository.objects.get().pulls == 2


def test_an_image_whose_tag_moved_on_is_pulled_by_digest(repository, tags):
    """What never had a tag is a part of an index, which is pulled with it."""
    TagMove.objects.create(repository=repository, tag="latest", to_digest="sha256:" + "d" * 64)
    counted(pull("", "sha256:" + "d" * 64), pull("", CHILD))
    assert Repository.objects.get().pulls == 1


@pytest.mark.parametrize(
    ("recording", "pulls"),
    [
        ("pull-image-first", 1),
        ("pull-index-first", 1),
        ("pull-index-repeated", 1),
        ("pull-digest-first", 1),
        ("pull-all-tags", 3),
        ("imagetools-inspect", 1),
        ("watcher-head", 0),
        ("docker-manifest-inspect", 0),
        ("push-index", 0),
    ],
)
def test_one_docker_pull_is_one_pull(repository, data: Path, recording: str, pulls: int):
    """As a real client sends it, from the envelope to the row."""
    for line in (data / "registry-events" / f"{recording}.jsonl").read_bytes().splitlines():
        told = read_events(line.replace(b"acme/app", PATH.encode()), timezone.now())
        for one in told:
            if one.tag or one.media_type.endswith("index.v1+json"):
                Tag.objects.update_or_create(
                    repository=repository, name=one.tag or "2", defaults={"digest": one.digest}
                )
        counted(*told)
    assert Repository.objects.get().pulls == pulls


def test_a_build_that_stands_on_it_shows_that_it_is_in_use(repository, tags):
    counted(pull(actor="build:7", agent="buildkit/v0.0-dev"))
    tag = Tag.objects.get(name="latest")
    assert tag.pulls == 0 and tag.last_pulled_at is not None


def test_the_same_event_again_is_not_counted_again(repository, tags):
    counts, told = PullCounts(), pull()
    counts.hear([told, told], timezone.now())
    counts.flush()
    counts.hear([told], timezone.now())
    counts.flush()
    assert by_tag()["latest"] == 1


def test_what_the_database_refuses_is_kept_for_the_next_time(repository, tags, monkeypatch):
    counts = PullCounts()
    counts.hear([pull(), pull("2.0", TWO)], timezone.now())
    with monkeypatch.context() as broken:

        def refuse(*_args, **_more):
            raise DatabaseError("database is locked")

        broken.setattr(module, "_write_repository", refuse)
        assert not counts.flush()
    counts.hear([pull()], timezone.now())
    assert counts.flush() and counts.is_empty
    assert by_tag() == {"latest": 2, "1.0": 0, "2.0": 1}
    assert counts.flush() and by_tag()["latest"] == 2


def test_the_memory_is_bounded(repository, tags, monkeypatch):
    """Behind the bound pulls are the repository's alone, and behind twice as much nobody's."""
    monkeypatch.setattr(module, "MOST_KEYS", 3)
    monkeypatch.setattr(module, "MOST_REMEMBERED", 5)
    counts = PullCounts()
    counts.hear([pull(f"t{number}") for number in range(50)], timezone.now())
    assert len(counts._reads) == 4 and len(counts._seen) == 5
    counts.hear([pull(repository=f"acme/r{number}") for number in range(50)], timezone.now())
    assert len(counts._reads) <= 7
    counts.flush()
    assert Repository.objects.get().pulls == 50


def test_a_repository_that_is_gone_is_nobodys(repository, tags):
    counts = counted(pull(repository="acme/gone"), pull(repository="a/b/c"), pull())
    assert counts.is_empty and by_tag()["latest"] == 1


def test_each_flush_is_one_update_for_each_row(repository, tags, django_assert_max_num_queries):
    counts = PullCounts()
    counts.hear([pull() for _ in range(500)] + [pull("2.0", TWO) for _ in range(500)], timezone.now())
    with django_assert_max_num_queries(12):
        counts.flush()
    assert Repository.objects.get().pulls == 1000


@pytest.mark.django_db(transaction=True)
def test_many_processes_add_up(repository, tags):
    def count() -> None:
        try:
            for _ in range(10):
                made = PullCounts()
                made.hear([pull(), pull("2.0", TWO)], timezone.now())
                while not made.flush():
                    pass
        finally:
            connection.close()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert by_tag() == {"latest": 40, "1.0": 0, "2.0": 40}
    assert Repository.objects.get().pulls == 80


@pytest.mark.django_db(transaction=True)
def test_a_thread_flushes_and_the_end_flushes_the_rest(repository, tags, monkeypatch):
    monkeypatch.setattr(module, "EVERY_S", 0.05)
    counts = PullCounts()
    flusher = Flusher(counts)
    counts.hear([pull()], timezone.now())
    flusher.wake()
    flusher.wake()
    waited = threading.Event()
    for _ in range(200):
        if counts.is_empty and by_tag()["latest"]:
            break
        waited.wait(0.05)
    assert by_tag()["latest"] == 1
    monkeypatch.setattr(module, "EVERY_S", 3600)
    counts.hear([pull()], timezone.now())
    flusher.close()
    assert by_tag()["latest"] == 2
