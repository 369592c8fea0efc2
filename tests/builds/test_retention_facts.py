"""Point 6: what retention goes by is gathered from builds, branches, orders and base images, in a few queries."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from builds.actions.fixed_tags import set_fixed_tags
from builds.actions.retention_facts import tag_facts
from builds.actions.retention_freed import Freed, freed_by
from builds.models import BaseImage, BaseUse, Build, BuildRecord, GoneRef, TagOrder
from registry.core.retention import Decision, TagFacts
from registry.models import Repository, Tag
from tests.factories import make_admin, make_build, make_repository, make_rule, make_source

pytestmark = pytest.mark.django_db


@pytest.fixture
def repository(db) -> Repository:
    repository = make_repository("acme/web")
    make_rule(make_source(repository))
    return Repository.objects.select_related("namespace", "registry").get(pk=repository.pk)


def built(repository: Repository, *tags: str, **fields) -> Build:
    """A build that succeeded and put its build tag and `tags`."""
    rule = fields.pop("rule", None) or repository.source.rules.first()
    build = make_build(rule, **{"state": "succeeded", "digest": f"sha256:{fields.get('ref', 'main')}", **fields})
    for name in (build.build_tag, *tags):
        found = {"digest": build.digest, "build_number": build.number}
        Tag.objects.update_or_create(repository=repository, name=name, defaults=found)
    return build


def facts(repository: Repository) -> dict[str, TagFacts]:
    return {tag.name: tag for tag in tag_facts(repository)}


def test_it_knows_the_ref_of_every_tag_that_a_build_put(repository):
    built(repository, "latest")
    built(repository, ref="12", ref_type="branch")
    built(repository, ref_type="pull_request", ref="main", pull_request={"number": 7})
    Tag.objects.create(repository=repository, name="by-hand", digest="d")
    found = facts(repository)
    assert [(tag.name, tag.ref_type, tag.ref) for tag in map(found.get, sorted(found))] == [
        ("build-1", "branch", "main"),
        ("build-2", "branch", "12"),
        ("build-3", "pull_request", "7"),
        ("by-hand", "", ""),
        ("latest", "branch", "main"),
    ]


def test_it_knows_since_when_a_branch_or_pull_request_is_gone(repository):
    built(repository, "feature-a", ref="feature/a")
    built(repository, ref_type="pull_request", ref="main", pull_request={"number": 7})
    built(repository, "latest")
    rows = [("branch", "feature/a"), ("pull_request", "7"), ("pull_request", "main"), ("tag", "main")]
    gone = [GoneRef.objects.create(source=repository.source, ref_type=kind, ref=ref) for kind, ref in rows]
    found = facts(repository)
    assert found["feature-a"].gone_at == found["build-1"].gone_at == gone[0].gone_at
    assert found["build-2"].gone_at == gone[1].gone_at
    assert found["latest"].gone_at is None


def test_the_newest_image_of_a_branch_that_is_there_is_known_for_each_rule(repository):
    other = make_rule(repository.source, tags=["worker"])
    built(repository, "old")
    built(repository, "latest")
    built(repository, "worker", rule=other)
    built(repository, "gone", ref="gone")
    GoneRef.objects.create(source=repository.source, ref_type="branch", ref="gone")
    found = facts(repository)
    assert {name: tag.newest_of for name, tag in found.items() if "build" not in name} == {
        "old": "",
        "latest": "branch `main`",
        "worker": "branch `main`",
        "gone": "",
    }


def test_of_git_tags_the_newest_of_the_rule_counts_and_not_that_of_each_tag(repository):
    rule = make_rule(repository.source, ref_type="tag", pattern="/^v/", tags=["{version}"])
    built(repository, "1.0", rule=rule, ref_type="tag", ref="v1.0")
    built(repository, "1.1", rule=rule, ref_type="tag", ref="v1.1")
    found = facts(repository)
    assert (found["1.0"].newest_of, found["1.1"].newest_of) == ("", "its rule for Git tags")


def test_a_rule_that_was_deleted_leaves_its_newest_image(repository):
    built(repository, "latest")
    repository.source.rules.all().delete()
    assert facts(repository)["latest"].newest_of == "branch `main`"


def test_held_and_fixed_tags_are_known(repository):
    built(repository, "latest", "v1")
    Tag.objects.filter(name="latest").update(held_by="wendy", held_since=timezone.now())
    set_fixed_tags(make_admin(), repository, "/^v|build/")
    found = facts(repository)
    assert (found["latest"].is_held, found["latest"].held_by) == (True, "wendy")
    assert found["v1"].fixed == "tags that match `/^v|build/` never move in this repository"
    assert found["build-1"].fixed == ""


def test_pulls_are_known(repository):
    built(repository, "latest")
    then = timezone.now() - timedelta(days=3)
    Tag.objects.filter(name="latest").update(pulls=4, last_pulled_at=then)
    found = facts(repository)["latest"]
    assert (found.pulls, found.last_pulled_at) == (4, then)


def uses(repository: Repository, tag: str, by: str) -> None:
    rule = make_rule(make_source(make_repository(by)))
    name = f"{repository.image}:{tag}"
    where = {"host": repository.registry.host, "path": repository.registry_path, "tag": tag}
    base, _ = BaseImage.objects.get_or_create(name=name, defaults=where)
    BaseUse.objects.create(base=base, rule=rule, ref_type="branch", ref="main", digest="d", build=make_build(rule))


def test_a_base_image_of_others_is_in_use_and_nobody_is_told_of_whom(repository):
    built(repository, "latest", "1.0")
    uses(repository, "1.0", "acme/one")
    assert facts(repository)["1.0"].in_use == "a repository is built from it"
    uses(repository, "1.0", "other/two")
    assert facts(repository)["1.0"].in_use == "2 repositories are built from it"
    assert facts(repository)["latest"].in_use == ""


def test_the_image_of_an_order_that_is_open_is_in_use(repository):
    build = built(repository, "latest")
    other = built(repository, ref="x")
    order = TagOrder.objects.create(
        repository=repository, tag="stable", digest=build.digest, kind="promote", by="wendy", build_number=1
    )
    found = facts(repository)
    assert found["build-1"].in_use == "wendy is putting `stable` on its image at this moment"
    assert found[other.build_tag].in_use == ""
    TagOrder.objects.filter(pk=order.pk).update(repository=make_repository("acme/prod"), source=repository)
    assert facts(repository)["build-1"].in_use == "wendy is promoting its image to another repository at this moment"
    TagOrder.objects.filter(pk=order.pk).update(state="done")
    assert facts(repository)["build-1"].in_use == ""


def test_what_a_build_under_way_may_replace_is_in_use_until_that_is_over(repository):
    built(repository, "latest", ref="main")
    running = make_build(repository.source.rules.first(), state="building")
    assert facts(repository)["build-1"].in_use == "build #2 may take its place and is under way"
    running.state = "failed"
    running.save()
    assert facts(repository)["build-1"].in_use == ""
    make_build(repository.source.rules.first(), state="queued", hold="approval")
    assert facts(repository)["build-1"].in_use == ""


def test_a_tag_that_a_build_is_putting_is_in_use(repository):
    built(repository, "latest")
    make_build(
        repository.source.rules.first(), ref="x", state="publishing", publication={"digest": "d", "tags": ["latest"]}
    )
    assert facts(repository)["latest"].in_use == "build #2 is putting it at this moment"


def test_other_repositories_have_no_say(repository):
    built(repository, "latest", ref="a")
    other = make_repository("acme/other")
    rule = make_rule(make_source(other))
    for _ in range(3):
        build = make_build(rule, ref="a", state="succeeded", digest="x")
        Tag.objects.create(repository=other, name=build.build_tag, digest="x", build_number=build.number)
    GoneRef.objects.create(source=other.source, ref_type="branch", ref="a")
    assert set(facts(repository)) == {"build-1", "latest"}
    assert facts(repository)["latest"].newest_of == "branch `a`"
    assert facts(repository)["latest"].gone_at is None


def test_a_thousand_tags_take_as_many_queries_as_ten(repository):
    rule = repository.source.rules.first()

    def grow(first: int, count: int) -> None:
        numbers = range(first, first + count)
        common = {"repository": repository, "source": rule.source, "rule": rule, "ref_type": "branch"}
        Build.objects.bulk_create(
            Build(number=n, ref=f"b{n % 50}", state="succeeded", digest=f"sha256:{n}", **common) for n in numbers
        )
        Tag.objects.bulk_create(
            Tag(repository=repository, name=f"build-{n}", digest=f"sha256:{n}", build_number=n) for n in numbers
        )

    grow(1, 10)
    with CaptureQueriesContext(connection) as few:
        assert len(tag_facts(repository)) == 10
    grow(11, 990)
    with CaptureQueriesContext(connection) as many:
        assert len(tag_facts(repository)) == 1_000
    assert len(many) == len(few) <= 9


def decided(**goes: bool) -> list[Decision]:
    """Tags by name, each of the image of the same name: whether it goes."""
    now = timezone.now()
    return [
        Decision(
            TagFacts(name=name, digest=name.strip("_"), pushed_at=now, size_bytes=100), goes=gone, because="", why=""
        )
        for name, gone in goes.items()
    ]


def record(repository: Repository, digest: str, **layers: int) -> None:
    build = make_build(repository.source.rules.first(), state="succeeded", digest=digest)
    rows = [{"digest": name, "size_bytes": size} for name, size in layers.items()]
    BuildRecord.objects.create(build=build, attempt=1, platforms=[{"platform": "linux/amd64", "layers": rows}])


def test_layers_that_stay_elsewhere_are_not_freed(repository):
    record(repository, "a", base=50, one=7)
    record(repository, "b", base=50, two=9)
    record(repository, "c", base=50, one=7, three=11)
    assert freed_by(repository, decided(a=True, b=True, c=False)) == Freed(9, is_most=False)
    assert freed_by(repository, decided(a=True, b=True, c=True)) == Freed(50 + 7 + 9 + 11, is_most=False)
    assert freed_by(repository, decided(a=False)) == Freed(0, is_most=False)


def test_an_image_that_another_tag_keeps_frees_nothing(repository):
    record(repository, "a", base=50)
    assert freed_by(repository, decided(a=True, a_=False)) == Freed(0, is_most=False)


def test_an_image_that_no_build_made_counts_by_its_size_and_that_is_said(repository):
    record(repository, "a", base=50)
    assert freed_by(repository, decided(a=True, z=True)) == Freed(150, is_most=True)
    assert freed_by(repository, decided(a=True, z=True), most_read=1) == Freed(200, is_most=True)
