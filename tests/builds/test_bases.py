"""Base images that move: noticed once, built anew in order, with a guard against storms and circles."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from builds.actions import bases, lifecycle
from builds.actions.bases import MOST_UNDER_WAY, due_bases, move_bases, note_absence, note_digest, switch_rebuilds
from builds.actions.runs import Run
from builds.core.states import State
from builds.models import BaseImage, BaseUse, Build, BuildRule, Rebuild
from registry.actions import TagPut
from tests.factories import COMMIT, make_build, make_repository, make_rule, make_source, make_user

pytestmark = pytest.mark.django_db
OLD, NEW, NEWER = ("sha256:" + letter * 64 for letter in "abc")
DEBIAN = "docker.io/library/debian:12"


def rule_of(path: str = "acme/web", **fields: object) -> BuildRule:
    return make_rule(make_source(make_repository(path), rebuild_on_base=True), **fields)


def build_succeeds(rule: BuildRule, *froms: tuple[str, str], ref: str = "main", digest: str = "", **fields) -> Build:
    """A build of `rule` that stood on `froms` (name, digest) and put `latest`."""
    build = make_build(rule, ref=ref, state=State.PUBLISHING, attempt=1, **fields)
    build.base_images = [{"name": name, "digest": known, "platform": "linux/amd64"} for name, known in froms]
    build.save()
    return finish(build, digest or f"sha256:{build.pk:064x}")


def finish(build: Build, digest: str, *froms: tuple[str, str]) -> Build:
    Build.objects.filter(pk=build.pk).update(state=State.PUBLISHING, attempt=1)
    build.refresh_from_db()
    if froms:
        build.base_images = [{"name": name, "digest": known, "platform": ""} for name, known in froms]
        build.save()
    puts = [TagPut(build.build_tag, moved=True, sentence=""), TagPut("latest", moved=True, sentence="")]
    assert lifecycle.succeed(Run(build.pk, 1), build, puts, media_type="", size_bytes=1, digest=digest)
    build.refresh_from_db()
    return build


def debian() -> BaseImage:
    return BaseImage.objects.get(name=DEBIAN)


def base_builds() -> list[Build]:
    return list(Build.objects.filter(cause=Build.Cause.BASE_IMAGE).order_by("pk"))


def test_it_builds_the_same_commit_anew_when_an_official_image_moves():
    build = build_succeeds(rule_of(), ("debian:12", OLD))
    assert note_digest(debian(), NEW)
    assert move_bases() == 1
    (made,) = base_builds()
    assert (made.commit, made.ref, made.priority) == (COMMIT, "main", Build.Priority.BASE_IMAGE)
    assert made.cause_detail == "base debian:12 moved aaaaaaa → bbbbbbb"
    assert made.number == build.number + 1


def test_it_plans_a_move_once_however_many_notice_it():
    build_succeeds(rule_of(), ("debian:12", OLD))
    first, second = debian(), debian()
    assert note_digest(first, NEW)
    assert not note_digest(second, NEW)
    assert (move_bases(), move_bases()) == (1, 0)
    assert len(base_builds()) == 1


def test_it_builds_nothing_where_the_repository_did_not_ask_for_it():
    rule = rule_of()
    build_succeeds(rule, ("debian:12", OLD))
    switch_rebuilds(make_user(), rule.source, on=False)
    assert note_digest(debian(), NEW)
    assert (move_bases(), base_builds()) == (0, [])


def test_it_builds_a_middle_image_first_and_then_what_stands_on_it():
    middle, app = rule_of("acme/middle"), rule_of("acme/app")
    image = f"{make_repository('acme/middle').image}:latest"
    made = build_succeeds(middle, ("debian:12", OLD), digest=OLD)
    build_succeeds(app, ("debian:12", OLD), (image, made.digest))
    note_digest(debian(), NEW)
    assert move_bases() == 1
    assert base_builds()[0].rule == middle
    assert "Waits until what it stands on is built" in Rebuild.objects.get(rule=app).sentence
    finish(base_builds()[0], NEWER, ("debian:12", NEW))
    assert move_bases() == 1
    assert [build.rule for build in base_builds()] == [middle, app]


def test_it_hears_at_once_of_a_tag_that_one_of_its_own_builds_moved():
    middle, app = rule_of("acme/middle"), rule_of("acme/app")
    image = f"{make_repository('acme/middle').image}:latest"
    made = build_succeeds(middle, digest=OLD)
    build_succeeds(app, (image, made.digest))
    build_succeeds(middle, digest=NEW)
    assert move_bases() == 1
    assert base_builds()[0].rule == app


def test_it_leaves_a_circle_of_images_after_one_round():
    one, two = rule_of("acme/one"), rule_of("acme/two")
    first, second = (f"{make_repository(path).image}:latest" for path in ("acme/one", "acme/two"))
    build_succeeds(one, (second, OLD), digest=OLD)
    build_succeeds(two, (first, OLD), digest=OLD)
    build_succeeds(one, (second, OLD), digest=NEW)  # a push: the round begins
    rounds = 0
    while move_bases():
        rounds += 1
        for build in Build.objects.filter(state=State.QUEUED):
            finish(build, f"sha256:{build.pk:064x}", *((b["name"], OLD) for b in build.base_images))
        assert rounds < 5, "it goes round and round"
    assert [build.rule for build in base_builds()] == [two]
    assert "in a circle" in Rebuild.objects.get(state=Rebuild.State.DROPPED).sentence


def test_it_starts_ten_at_once_and_says_why_the_others_wait():
    for number in range(MOST_UNDER_WAY + 3):
        build_succeeds(rule_of(f"acme/app-{number}"), ("debian:12", OLD))
    note_digest(debian(), NEW)
    assert move_bases() == MOST_UNDER_WAY
    assert Rebuild.objects.filter(state="waiting", sentence__contains="would be a storm").count() == 3
    finish(base_builds()[0], NEWER, ("debian:12", NEW))
    assert move_bases() == 1


def test_it_builds_only_the_highest_version_of_a_tag_rule_anew():
    rule = rule_of(ref_type="tag", pattern="/^v/", tags=["{sourceref}"])
    for ref in ("v1.0.0", "v1.10.0", "v1.9.0"):
        build_succeeds(rule, ("debian:12", OLD), ref=ref)
    note_digest(debian(), NEW)
    move_bases()
    assert [build.ref for build in base_builds()] == ["v1.10.0"]


def test_it_joins_a_build_that_waits_already():
    rule = rule_of()
    build_succeeds(rule, ("debian:12", OLD))
    queued = make_build(rule, commit="b" * 40)
    note_digest(debian(), NEW)
    move_bases()
    assert Rebuild.objects.get().build == queued
    assert base_builds() == []


def test_it_asks_a_silent_registry_less_and_less_often_and_keeps_its_word_on_a_date():
    build_succeeds(rule_of(), ("debian:12", OLD))
    waits = []
    for _ in range(4):
        note_absence(debian(), "docker.io does not answer.")
        waits.append(debian().next_check_at - timezone.now())
    assert waits[0] < waits[-1] <= timedelta(hours=8)
    note_absence(debian(), "Too many requests.", retry_after_s=20 * 3600)
    assert debian().next_check_at - timezone.now() > timedelta(hours=19)
    assert debian().failures == 5


def test_it_gives_each_base_to_one_of_two_watchers_and_forgets_the_unused():
    build_succeeds(rule_of(), ("debian:12", OLD))
    BaseImage.objects.create(name="docker.io/library/old:1", host="docker.io", path="library/old", tag="1")
    BaseImage.objects.update(next_check_at=timezone.now() - timedelta(seconds=1))
    assert [base.name for base in due_bases(timezone.now())] == [DEBIAN]
    assert due_bases(timezone.now()) == []
    assert BaseImage.objects.count() == 1


def test_it_looks_soon_where_a_build_saw_another_digest_than_is_known():
    rule = rule_of()
    build_succeeds(rule, ("debian:12", OLD))
    build_succeeds(rule, ("debian:12", NEW), commit="b" * 40)
    assert debian().next_check_at <= timezone.now()
    assert [use.digest for use in BaseUse.objects.all()] == [NEW]


def test_it_forgets_a_base_that_the_newest_build_no_longer_has():
    rule = rule_of()
    build_succeeds(rule, ("debian:12", OLD))
    build_succeeds(rule, ("alpine:3", NEW), commit="b" * 40)
    assert [use.base.shown for use in BaseUse.objects.all()] == ["alpine:3"]
    assert bases.due_bases(timezone.now() + timedelta(days=1))[0].shown == "alpine:3"
