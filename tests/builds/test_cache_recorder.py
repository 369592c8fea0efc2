"""Point 3: what a build's cache is compared with, and what its end writes down; on rows, the engine is elsewhere."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from builds.actions.runs import Run
from builds.models import Build, BuildRecord, CommitChanges, Step
from builds.pipeline.cache import report_cache
from lib.redact import Redactor
from tests.compared_builds import NEW, OLD, add_build
from tests.factories import make_build, make_rule

pytestmark = pytest.mark.django_db
ALL = tuple(range(3, 10))


@pytest.fixture
def rule(settings, tmp_path):
    settings.MIRRORS_DIR = tmp_path
    return make_rule()


def report(build: Build, *, secrets: tuple[str, ...] = (), attempt: int | None = None) -> dict:
    """What the recorder gives at the end of a build."""
    job = SimpleNamespace(
        build=Build.objects.for_page().get(pk=build.pk),
        run=Run(build.pk, attempt or build.attempt),
        logbook=SimpleNamespace(redactor=Redactor(list(secrets))),
    )
    columns = report_cache(job, None)
    for name, value in columns.items():
        BuildRecord.objects.filter(build=build).update(**{name: value})
    return columns.get("cache_report", {})


def whys(document: dict) -> list[str]:
    return [step["why"]["kind"] for stage in document["stages"] for step in stage["steps"] if step["why"]]


def test_the_sums_stand_on_the_build(rule):
    add_build(rule, OLD)
    second = add_build(rule, NEW, cached=ALL)
    report(second)
    second.refresh_from_db()
    assert (second.steps_cacheable, second.steps_cached) == (7, 7)
    assert second.saved_s == pytest.approx(45.5)


def test_an_older_attempt_writes_nothing(rule):
    build = add_build(rule, OLD)
    Build.objects.filter(pk=build.pk).update(attempt=2)
    Step.objects.filter(build=build).update(attempt=1)
    assert report(build, attempt=1) == {}
    build.refresh_from_db()
    assert build.steps_cacheable is None


def test_a_build_that_never_came_to_buildkit_has_no_report(rule):
    build = make_build(rule, state="failed", attempt=1)
    Step.objects.create(build=build, attempt=1, index=0, name="Check out branch main", state="failed")
    assert report(build) == {}


def test_it_is_compared_with_a_success_of_the_same_ref_though_another_ref_is_newer(rule):
    first = add_build(rule, OLD, ref="main")
    add_build(rule, "b" * 40, ref="feature")
    assert report(add_build(rule, NEW, ref="main"))["compared"] == first.number


def test_a_new_ref_is_compared_with_the_rules_last_success(rule):
    add_build(rule, OLD, ref="main")
    last = add_build(rule, "b" * 40, ref="other")
    assert report(add_build(rule, NEW, ref="feature"))["compared"] == last.number


def test_another_rules_builds_are_not_compared(rule):
    add_build(make_rule(rule.source, pattern="other"), OLD)
    document = report(add_build(rule, NEW))
    assert document["compared"] is None
    assert set(whys(document)) == {"first"}


def test_a_strangers_build_is_compared_with_its_own_pull_request_alone(rule):
    fields = {"untrusted": True, "ref_type": "pull_request"}
    add_build(rule, OLD)
    mine = add_build(rule, "b" * 40, pull_request={"number": 7}, **fields)
    add_build(rule, "d" * 40, pull_request={"number": 8}, **fields)
    assert report(add_build(rule, NEW, pull_request={"number": 7}, **fields))["compared"] == mine.number
    first = report(add_build(rule, "e" * 40, pull_request={"number": 9}, **fields))
    assert set(whys(first)) == {"isolated"}


def test_what_a_step_took_long_ago_is_still_known(rule):
    report(add_build(rule, OLD))
    for number in range(25):  # more than are looked at again
        report(add_build(rule, f"{number:040x}", cached=ALL))
    last = add_build(rule, NEW, cached=ALL)
    assert report(last)["saved_s"] == pytest.approx(45.5)


def test_secrets_are_masked(rule):
    add_build(rule, OLD)
    second = add_build(rule, NEW, more=" --token hunter2hunter2")
    assert "hunter2" not in str(report(second, secrets=("hunter2hunter2",)))


def test_a_failed_build_before_it_is_named(rule):
    add_build(rule, OLD)
    failed = add_build(rule, "b" * 40, cached=ALL)
    Build.objects.filter(pk=failed.pk).update(state="failed")
    Step.objects.filter(build=failed).update(fingerprint="")
    Step.objects.filter(build=failed, index=9).update(state="failed", cached=False)
    document = report(add_build(rule, NEW, cached=tuple(range(3, 9))))
    assert whys(document) == ["unfinished"]


def test_without_a_mirror_it_says_that_nobody_can_compare_files(rule):
    add_build(rule, OLD)
    document = report(add_build(rule, NEW, cached=(3,)))
    sentence = document["stages"][0]["steps"][1]["why"]["sentence"]
    assert sentence.startswith("Most likely files that it takes from the context changed.")
    assert not CommitChanges.objects.exists()


def test_it_asks_as_often_after_many_builds_as_after_few(rule, django_assert_max_num_queries):
    for number in range(30):
        add_build(rule, f"{number:040x}", state="failed" if number % 2 else "succeeded")
    last = add_build(rule, NEW)
    with django_assert_max_num_queries(16):
        report(last)
