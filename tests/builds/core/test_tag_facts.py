"""Tags that draw on versions, dates, build numbers and the other tags of the repository."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from builds.core.facts import Known
from builds.core.plan import evaluate, find_collisions
from builds.core.refnames import Ref
from builds.core.rules import RuleSpec, check_rule

AT = datetime(2026, 3, 9, 23, 30, tzinfo=UTC)
EVERY = Known(at=AT, number=41, tags=("v1.9.0", "v2.0.0", "v2.1.0-rc.1", "nightly"))
COMMIT = "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678"


def judge(name, pattern, *tags, ref_type="tag", known=EVERY, commit=COMMIT):
    return evaluate(Ref(ref_type, name), [RuleSpec(7, ref_type, pattern, tags)], commit=commit, known=known)[0]


def names(verdict):
    return [tag.name for tag in verdict.tags]


VERSIONS = [
    ("v1.2.3", ("{major}", "{major}.{minor}", "{major}.{minor}.{patch}"), ["1", "1.2", "1.2.3"]),
    ("v1.2.3", ("{version}", "v{version}-alpine"), ["1.2.3", "v1.2.3-alpine"]),
    ("1.2.3", ("{major}",), ["1"]),
    ("v1.2", ("{major}.{minor}", "{major}.{minor}.{patch}"), ["1.2"]),
    ("2026.01.05", ("{major}.{minor}",), ["2026.01"]),
    ("v1.0.0+build.5", ("{sourceref}", "{version}", "{major}.{minor}"), ["v1.0.0-build.5", "1.0.0-build.5", "1.0"]),
    ("1.0.0-alpha+001", ("{sourceref}", "{version}", "{major}.{minor}"), ["1.0.0-alpha-001"]),
    ("v1.2.3-rc.1", ("{version}", "{major}.{minor}", "{major}", "{latest}"), ["1.2.3-rc.1"]),
    ("p1/v1.0.0", ("{sourceref}", "{version}", "{major}.{minor}"), ["p1-v1.0.0"]),
]


@pytest.mark.parametrize(("name", "templates", "expected"), VERSIONS)
def test_r02_it_takes_a_version_apart(name, templates, expected):
    """Field case R02: build metadata is made legal, a pre-release takes no `1.2`."""
    assert names(judge(name, "/.*/", *templates)) == expected


def test_r02_it_says_what_became_of_the_plus_sign():
    assert "`v1.0.0+build.5` became `v1.0.0-build.5`" in judge("v1.0.0+build.5", "/.*/", "{sourceref}").reason


SENTENCES = [
    ("v1.2.3-rc.1", "{major}.{minor}", "`v1.2.3-rc.1` is a pre-release, which makes no tag that people take for a"),
    ("v1.2.3-rc.1", "{latest}", "`v1.2.3-rc.1` is a pre-release, which is never `latest`"),
    ("p1/v1.0.0", "{version}", "`p1/v1.0.0` is not a version such as `v1.2.3`"),
    ("v1.2", "{patch}", "`v1.2` has nothing for `{patch}`"),
    ("v1.9.1", "{latest}", "`v1.9.1` is not the highest: `v2.0.0` is"),
]


@pytest.mark.parametrize(("name", "template", "words"), SENTENCES)
def test_it_says_why_a_version_makes_no_tag(name, template, words):
    verdict = judge(name, "/.*/", template, "{sourceref}")
    assert len(verdict.tags) == 1
    assert words in verdict.problems[0]


def test_r02_a_group_gives_the_version_of_a_prefixed_tag():
    assert names(judge("p1/v1.0.0", r"/^p1\/(.*)$/", "{major}.{minor}", "{version}")) == ["1.0", "1.0.0"]
    assert names(judge("api-7", r"/^api-(?P<version>.*)$/", "{major}")) == ["7"]


R06 = r"/^v(\d+)\.(\d+)(?:\.(\d+))?$/"


def test_r06_a_named_group_stands_before_a_part_of_the_version():
    """Field case R06: `(?P<major>…)` keeps its meaning beside the built-in `{major}`."""
    assert names(judge("release-9", r"/^release-(?P<major>\d+)$/", "{major}")) == ["9"]
    assert names(judge("v1.2.3", r"/^v(?P<minor>\d+)/", "{minor}", "{patch}")) == ["1", "3"]


@pytest.mark.parametrize(
    ("name", "expected"), [("v1.1.0", ["1", "1.1", "1.1.0"]), ("v1.1", ["1", "1.1"])], ids=["whole", "unset"]
)
def test_r06_one_build_gets_three_tags(name, expected):
    assert names(judge(name, R06, "{1}", r"{\1}.{2}", "{1}.{2}.{3}")) == expected


LATEST = [
    ("v2.0.1", ("v1.0.0", "v2.0.0"), ["latest"]),
    ("v2.0.0", ("v1.0.0", "v2.0.0"), ["latest"]),
    ("v1.0.1", ("v1.0.0", "v2.0.0"), []),
    ("v1.0.1", (), ["latest"]),  # it need not be among the known ones
    ("v10.0.0", ("v9.0.0",), ["latest"]),  # numbers, not text
    ("v2.0.0", ("v2.1.0-rc.1",), ["latest"]),  # a pre-release is not stable
    ("v2.0.0", ("release-9", "nightly"), ["latest"]),
    ("v2.0", ("2.0.0",), ["latest"]),  # the same version twice
]


@pytest.mark.parametrize(("name", "tags", "expected"), LATEST)
def test_it_gives_latest_to_the_highest_stable_version_alone(name, tags, expected):
    assert names(judge(name, "/.*/", "{latest}", known=Known(tags=tags))) == expected


def test_latest_is_asked_among_the_tags_that_the_rule_is_for():
    known = Known(tags=("web/v9.0.0", "api/v1.0.0"))
    assert names(judge("api/v1.1.0", r"/^api\/v(.*)$/", "{latest}-alpine", known=known)) == ["latest-alpine"]


def test_it_builds_nothing_where_only_latest_was_asked_for_and_it_is_not():
    verdict = judge("v1.0.0", "/.*/", "{latest}")
    assert (verdict.matched, verdict.builds) == (True, False)
    assert "`v1.0.0` is not the highest: `v2.0.0` is" in verdict.reason


DATES = [
    ("{date}", "20260309"),
    ("nightly-{date:%Y-%m-%d}", "nightly-2026-03-09"),
    ("{date:%y.%j}-{build}", "26.068-41"),
    ("{date:%H%M%S}", "233000"),
    ("b{build}-{sha7}", "b41-a1b2c3d"),
]


@pytest.mark.parametrize(("template", "expected"), DATES)
def test_it_writes_dates_in_utc_and_numbers(template, expected):
    assert names(judge("v1", "/.*/", template)) == [expected]


def test_it_writes_the_same_day_whatever_zone_the_time_is_given_in():
    elsewhere = Known(at=AT.astimezone(timezone(timedelta(hours=9))), number=1, tags=())
    assert names(judge("v1", "/.*/", "{date}", known=elsewhere)) == ["20260309"]


def test_what_is_not_known_at_the_push_stays_pending():
    verdict = judge("v1.2.3", "/.*/", "{date}", "{build}", "{sha}", "{latest}", "{version}", known=Known(), commit="")
    assert verdict.pending == ("{date}", "{build}", "{sha}", "{latest}")
    assert names(verdict) == ["1.2.3"]
    assert verdict.builds


BAD = [
    ({"tags": ("{date:%B}",)}, "`%B` is not taken; there are %Y %y"),
    ({"tags": ("{date:%}",)}, "`%` is not taken"),
    ({"tags": ("{date:Y/m}",)}, "between the parts stand only letters"),
    ({"tags": ("{date:x}",)}, "no part of a date"),
    ({"tags": ("{latest}",), "ref_type": "branch"}, "`{latest}` is for rules of tags"),
    ({"tags": ("{major}",), "ref_type": "branch", "pattern": "main"}, "`{major}` needs a version, and `main` is none"),
    ({"tags": ("{versoin}",)}, "Did you mean `{version}`?"),
    ({"tags": ("{run_number}",)}, "Did you mean `{build}`?"),
]


@pytest.mark.parametrize(("fields", "words"), BAD, ids=lambda value: str(value)[:40])
def test_it_says_before_saving_what_no_tag_can_come_of(fields, words):
    rule = RuleSpec(None, **{"ref_type": "tag", "pattern": "/^v/", **fields})
    [problem] = check_rule(rule)
    assert words in problem.message


def test_two_versions_that_share_a_floating_tag_are_no_collision():
    rule = RuleSpec(7, "tag", "/^v/", ("{major}", "{latest}"))
    pairs = [(ref, evaluate(ref, [rule], known=EVERY)) for ref in (Ref("tag", "v2.0.0"), Ref("tag", "v2.0.1"))]
    assert names(pairs[1][1][0]) == ["2", "latest"]
    assert find_collisions(pairs) == ()


def test_two_versions_that_become_one_tag_are_a_collision():
    rule = RuleSpec(7, "tag", "/^v/", ("{version}",))
    pairs = [(ref, evaluate(ref, [rule])) for ref in (Ref("tag", "v1.0.0+a"), Ref("tag", "v1.0.0-a"))]
    [collision] = find_collisions(pairs)
    assert collision.tag == "1.0.0-a"
