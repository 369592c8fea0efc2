"""Point 2: a tag that somebody pushed past any build wakes pages, and what stands on it is rebuilt as after a build."""

from __future__ import annotations

import pytest
from django.utils import timezone

from builds import live
from builds.actions.tag_news import read_tag_news, ring_for_news
from builds.models import BaseImage, BaseUse, Rebuild
from registry.models import TagNews
from tests.factories import make_build, make_rule, make_source

pytestmark = pytest.mark.django_db
OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64


@pytest.fixture
def woken(monkeypatch) -> list[str]:
    topics: list[str] = []
    monkeypatch.setattr(live, "wake", lambda *new: topics.extend(new))
    return topics


@pytest.fixture
def stands_on(repository) -> Rebuild:
    """A rule whose image stands on `acme/web:latest`, which its last build saw at OLD."""
    source = make_source(repository)
    source.rebuild_on_base = True
    source.save()
    rule = make_rule(source)
    base = BaseImage.objects.create(
        name=f"{repository.image}:latest", host=repository.registry.host, path=repository.path, tag="latest",
        digest=OLD, next_check_at=timezone.now(),
    )  # fmt: skip
    build = make_build(rule, state="succeeded")
    return BaseUse.objects.create(base=base, rule=rule, ref_type="branch", ref="main", digest=OLD, build=build)


def tell(repository, digest: str, tag: str = "latest") -> None:
    TagNews.objects.create(repository=repository, tag=tag, digest=digest)


def test_a_base_that_was_pushed_by_hand_leads_to_rebuilds(
    repository, stands_on, woken, rings, django_capture_on_commit_callbacks
):
    tell(repository, NEW)
    with django_capture_on_commit_callbacks(execute=True):
        assert read_tag_news() == 1
    rebuild = Rebuild.objects.get()
    assert (rebuild.old_digest, rebuild.new_digest, rebuild.state) == (OLD, NEW, "waiting")
    assert rings == ["builds.move_bases"]
    assert woken == [f"repository:{repository.pk}"]
    assert read_tag_news() == 0 and Rebuild.objects.count() == 1


def test_the_last_of_several_moves_counts_and_a_deletion_only_wakes(
    repository, stands_on, woken, rings, django_capture_on_commit_callbacks
):
    for digest in ("sha256:" + "c" * 64, NEW):
        tell(repository, digest)
    tell(repository, "", tag="gone")
    with django_capture_on_commit_callbacks(execute=True):
        assert read_tag_news() == 3
    assert Rebuild.objects.get().new_digest == NEW
    tell(repository, "")
    with django_capture_on_commit_callbacks(execute=True):
        read_tag_news()
    assert Rebuild.objects.count() == 1 and woken == [f"repository:{repository.pk}"] * 2


def test_what_a_build_took_already_is_not_built_again(repository, stands_on, woken):
    tell(repository, OLD)
    read_tag_news()
    assert not Rebuild.objects.exists() and not TagNews.objects.exists()


def test_news_whose_ring_was_lost_are_rung_for_by_the_tick(repository, rings, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        ring_for_news()
    assert rings == []
    tell(repository, NEW)
    with django_capture_on_commit_callbacks(execute=True):
        ring_for_news()
    assert rings == ["builds.read_tag_news"]
